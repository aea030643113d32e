"""Each stage is usable alone: its example runs by itself, declares that one component, and exports something."""

import runpy
from pathlib import Path

import pytest

from components.stages import STAGES
from tests.components.mocked import declare

ROOT = Path(__file__).resolve().parents[2] / "docs" / "examples"
EXAMPLES = {"aws": ROOT, "gcp": ROOT / "gcp"}


def test_every_stage_has_an_example(cloud: str) -> None:
    assert {file.stem for file in EXAMPLES[cloud].glob("*.py")} == set(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_example_runs_with_its_stage_only(cloud: str, stage: str) -> None:
    declared = declare(lambda: runpy.run_path(str(EXAMPLES[cloud] / f"{stage}.py")), "dev")
    components = [made.type for made in declared.resources if made.type.startswith("stile:index:")]
    assert components == [f"stile:index:{STAGES[stage]}"]
    assert all(value for value in declared.outputs.values())
    assert declared.outputs
    made = [one for one in declared.resources if not one.type.startswith("stile:")]
    assert all(one.type.startswith(f"{cloud}:") for one in made)


def test_a_deployment_is_usable_without_any_stage() -> None:
    declared = declare(lambda: runpy.run_path(str(ROOT / "resources" / "endpoint_deployment.py")), "dev")
    assert {made.type for made in declared.resources} == {
        "gcp:vertex/aiEndpoint:AiEndpoint",
        "stile:endpoint:EndpointDeployment",
    }
    split = declared.one("EndpointDeployment").inputs["trafficSplit"]
    assert sorted(split.values()) == [10, 90]
    assert split.keys() == declared.outputs["live"].keys()
