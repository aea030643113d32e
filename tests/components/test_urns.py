"""URNs are a contract: a changed one deletes a resource and makes another, so it must carry an alias.

After a change that is meant, write the files anew: `STILE_WRITE_GOLDEN=1 pytest tests/components`.
"""

import os
from pathlib import Path

from tests.components.mocked import Declared


def compare(urns: list[str], file: Path) -> None:
    text = "\n".join(urns) + "\n"
    if os.environ.get("STILE_WRITE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()


def test_urns_of_the_first_up(first_up: Declared, golden: Path) -> None:
    compare(first_up.urns, golden / "urns_first_up.txt")


def test_urns_of_a_release(released: Declared, golden: Path) -> None:
    compare(released.urns, golden / "urns_release.txt")


def test_a_release_adds_and_changes_no_urn(first_up: Declared, released: Declared) -> None:
    added = set(released.urns) - set(first_up.urns)
    assert set(first_up.urns) < set(released.urns)
    assert {urn.split("$")[-1].split("::")[0] for urn in added} == {
        "aws:sagemaker/model:Model",
        "aws:sagemaker/endpointConfiguration:EndpointConfiguration",
        "aws:sagemaker/endpoint:Endpoint",
        "stile:endpoint:Live",
    }


def test_no_two_resources_share_a_urn(released: Declared) -> None:
    assert len(set(released.urns)) == len(released.urns)
