"""Each stage is usable alone: its example runs by itself, declares that one component, and exports something."""

import runpy
from pathlib import Path

import pytest

from components.stages import STAGES
from tests.components.mocked import declare

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"


def test_every_stage_has_an_example() -> None:
    assert {file.stem for file in EXAMPLES.glob("*.py")} == set(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_example_runs_with_its_stage_only(stage: str) -> None:
    declared = declare(lambda: runpy.run_path(str(EXAMPLES / f"{stage}.py")), "dev")
    components = [made.type for made in declared.resources if made.type.startswith("stile:index:")]
    assert components == [f"stile:index:{STAGES[stage]}"]
    assert all(value for value in declared.outputs.values())
    assert declared.outputs
