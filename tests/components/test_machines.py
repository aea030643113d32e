"""Machine types: the table agrees with the vendor's own lists, and a need gets every type that meets it."""

import botocore.session
import pytest

from components.machines import NoMachineError, Use, fitting, machine_types
from components.spec import Machine

ENUMERATIONS = {
    "training": "TrainingInstanceType",
    "processing": "ProcessingInstanceType",
    "endpoint": "ProductionVariantInstanceType",
}


@pytest.mark.parametrize("use", ENUMERATIONS)
def test_every_type_may_be_used_as_the_table_says(use: str) -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    allowed = set(model.shape_for(ENUMERATIONS[use]).enum)
    for machine in machine_types("aws"):
        assert (use in machine.uses) == (machine.type in allowed), machine.type


@pytest.mark.parametrize(
    ("use", "cpus", "memory_gib", "expected"),
    [
        ("training", 2, 8, {"aws": "ml.m5.large", "gcp": "e2-highmem-2"}),
        ("training", 1, 1, {"aws": "ml.m5.large", "gcp": "e2-highmem-2"}),
        ("training", 4, 8, {"aws": "ml.c5.xlarge", "gcp": "e2-standard-4"}),
        ("training", 4, 16.5, {"aws": "ml.r5.xlarge", "gcp": "e2-highmem-4"}),
        ("processing", 16, 64, {"aws": "ml.m5.4xlarge", "gcp": "e2-standard-16"}),
        ("endpoint", 2, 4, {"aws": "ml.c5.large", "gcp": "e2-standard-2"}),
        ("endpoint", 80, 600, {"aws": "ml.r5.24xlarge", "gcp": "n2-highmem-80"}),
    ],
)
def test_the_smallest_type_that_meets_a_need_stands_first(
    use: Use, cpus: int, memory_gib: float, expected: dict[str, str], cloud: str
) -> None:
    """Never a burstable one or one of an older generation: those are taken by name only."""
    found = fitting(cloud, use, Machine(cpus=cpus, memory_gib=memory_gib))
    assert found[0].type == expected[cloud]
    assert [(one.cpus, one.memory_gib) for one in found] == sorted((one.cpus, one.memory_gib) for one in found)
    assert all(one.cpus >= cpus and one.memory_gib >= memory_gib and one.preferred for one in found)
    assert len(found) == len(set(found))


def test_everything_that_meets_a_need_is_found() -> None:
    """The whole list, of one need on AWS that few types meet."""
    found = fitting("aws", "training", Machine(cpus=90, memory_gib=300))
    assert [one.type for one in found] == ["ml.m5.24xlarge", "ml.r5.24xlarge", "ml.m7i.48xlarge", "ml.r7i.48xlarge"]


# GiB for each cpu: https://cloud.google.com/compute/docs/general-purpose-machines; n1-highmem-96 has less.
FAMILIES = {
    "e2-highcpu": 1,
    "e2-highmem": 8,
    "e2-standard": 4,
    "n1-highmem": 6.5,
    "n1-standard": 3.75,
    "n2-highcpu": 1,
    "n2-highmem": 8,
    "n2-standard": 4,
}


def test_googles_types_have_what_their_names_say() -> None:
    """No document of Google's lists the types that Vertex AI takes, so their sizes are held to their families'."""
    types = machine_types("gcp")
    assert {each.type.rsplit("-", 1)[0] for each in types} == FAMILIES.keys()
    for each in types:
        family, cpus = each.type.rsplit("-", 1)
        assert each.cpus == int(cpus)
        assert each.memory_gib == (624 if each.type == "n1-highmem-96" else each.cpus * FAMILIES[family])
        assert ("training" in each.uses) == ("processing" in each.uses)  # both are CustomJobs


def test_a_named_type_is_taken_where_it_may_be_used() -> None:
    assert [one.type for one in fitting("aws", "training", "ml.t3.medium")] == ["ml.t3.medium"]
    with pytest.raises(NoMachineError, match=r"ml\.t3\.medium is no endpoint machine"):
        fitting("aws", "endpoint", "ml.t3.medium")


def test_what_nothing_meets_says_what_would_be() -> None:
    with pytest.raises(NoMachineError) as raised:
        fitting("aws", "training", Machine(cpus=2, memory_gib=4000))
    assert raised.value.allowed == "at most 192 cpus and 1536 GiB"


def test_an_unknown_cloud_has_no_machines() -> None:
    with pytest.raises(NoMachineError):
        fitting("azure", "training", Machine(cpus=1, memory_gib=1))
