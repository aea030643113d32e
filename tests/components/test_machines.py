"""Machine types: the table agrees with the vendor's own lists, and a need gets the smallest type that meets it."""

import botocore.session
import pytest

from components.machines import NoMachineError, Use, machine_types, resolve
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
        ("training", 2, 8, "ml.m5.large"),
        ("training", 1, 1, "ml.m5.large"),
        ("training", 4, 8, "ml.c5.xlarge"),
        ("training", 4, 16.5, "ml.r5.xlarge"),
        ("processing", 16, 64, "ml.m5.4xlarge"),
        ("endpoint", 2, 4, "ml.c5.large"),
        ("endpoint", 100, 700, "ml.m7i.48xlarge"),
    ],
)
def test_a_need_gets_the_smallest_type_that_meets_it(use: Use, cpus: int, memory_gib: float, expected: str) -> None:
    """Never a burstable one: those are taken by name only."""
    assert resolve("aws", use, Machine(cpus=cpus, memory_gib=memory_gib)) == expected


def test_a_named_type_is_taken_where_it_may_be_used() -> None:
    assert resolve("aws", "training", "ml.t3.medium") == "ml.t3.medium"
    with pytest.raises(NoMachineError, match=r"ml\.t3\.medium is no endpoint machine"):
        resolve("aws", "endpoint", "ml.t3.medium")


def test_what_nothing_meets_says_what_would_be() -> None:
    with pytest.raises(NoMachineError) as raised:
        resolve("aws", "training", Machine(cpus=2, memory_gib=4000))
    assert raised.value.allowed == "at most 192 cpus and 1536 GiB"


def test_an_unknown_cloud_has_no_machines() -> None:
    with pytest.raises(NoMachineError):
        resolve("gcp", "training", Machine(cpus=1, memory_gib=1))
