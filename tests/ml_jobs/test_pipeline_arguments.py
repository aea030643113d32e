"""Protects the seam between pipeline and jobs: each job takes exactly the arguments that its step gives it."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

DEFINITION = Path(__file__).parents[1] / "components" / "golden" / "pipeline.json"
JOBS = ("ingest", "validate", "evaluate", "govern", "register")


def steps() -> dict[str, Any]:
    found = json.loads(DEFINITION.read_text(encoding="utf-8"))["Steps"]
    return {step["Name"]: step["Arguments"]["AppSpecification"] for step in found if step["Type"] == "Processing"}


def test_each_processing_step_is_a_job() -> None:
    assert sorted(steps()) == sorted(JOBS)


@pytest.mark.parametrize("name", JOBS)
def test_a_job_takes_what_its_step_gives_it(name: str) -> None:
    step = steps()[name]
    assert step["ContainerEntrypoint"] == ["python", "-m", f"ml_jobs.{name}"]
    given = step["ContainerArguments"]
    parsed = importlib.import_module(f"ml_jobs.{name}").arguments().parse_args(given)
    folders = dict(zip(given[2::2], given[3::2], strict=True))
    assert {f"--{option}": str(value) for option, value in vars(parsed).items() if option != "use_case"} == folders
    assert parsed.use_case == "flight_delays"
