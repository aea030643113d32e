"""URNs are a contract: a changed one deletes a resource and makes another, so it must carry an alias.

After a change that is meant, write the files anew: `STILE_WRITE_GOLDEN=1 pytest tests/components`.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from tests.components.mocked import Declared


def compare(urns: list[str], file: Path) -> None:
    text = "\n".join(urns) + "\n"
    if os.environ.get("STILE_WRITE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()


RELEASED = {
    "aws": {
        "aws:sagemaker/model:Model",
        "aws:sagemaker/endpointConfiguration:EndpointConfiguration",
        "aws:sagemaker/endpoint:Endpoint",
        "stile:endpoint:Live",
    },
    "gcp": {
        "gcp:storage/bucketObject:BucketObject",
        "gcp:vertex/aiEndpoint:AiEndpoint",
        "stile:endpoint:EndpointDeployment",
    },
}


def test_urns_of_the_first_up(cloud: str, first_ups: Mapping[str, Declared], golden: Path) -> None:
    compare(first_ups[cloud].urns, golden / cloud / "urns_first_up.txt")


def test_urns_of_a_release(cloud: str, releases: Mapping[str, Declared], golden: Path) -> None:
    compare(releases[cloud].urns, golden / cloud / "urns_release.txt")


def test_a_release_adds_and_changes_no_urn(
    cloud: str, first_ups: Mapping[str, Declared], releases: Mapping[str, Declared]
) -> None:
    first_up, released = first_ups[cloud], releases[cloud]
    added = set(released.urns) - set(first_up.urns)
    assert set(first_up.urns) < set(released.urns)
    assert {urn.split("$")[-1].split("::")[0] for urn in added} == RELEASED[cloud]


def test_no_two_resources_share_a_urn(cloud: str, releases: Mapping[str, Declared]) -> None:
    released = releases[cloud]
    assert len(set(released.urns)) == len(released.urns)


def test_components_are_called_alike_on_every_cloud(first_ups: Mapping[str, Declared]) -> None:
    """A component's token and name are of its stage, so what stands above a cloud's resources is the same on each."""
    components = {
        cloud: {
            urn.replace(f"test-{cloud}", "*") for urn in declared.urns if urn.split("$")[-1].startswith("stile:index:")
        }
        for cloud, declared in first_ups.items()
    }
    assert len(components["aws"]) == 10  # an endpoint's and the platform's own among them
    assert components["aws"] == components["gcp"]
