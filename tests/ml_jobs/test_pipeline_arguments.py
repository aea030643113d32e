"""Protects the seam between pipeline and jobs: each job takes exactly the arguments that its step gives it."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from components.pipeline.chain import value_chain
from components.pipeline.vertex import Run, compile_graph
from components.training import JobTemplate
from infra.localcloud.jobs.custom_job_kfp import custom_job
from infra.localcloud.jobs.definition_kfp import parse
from ml_jobs.contracts import candidate, vertex

DEFINITION = Path(__file__).parents[1] / "components" / "golden" / "aws" / "pipeline.json"
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


@pytest.fixture(scope="module")
def words() -> dict[str, list[str]]:
    """What each step's container is started with on Vertex AI, once all values are put in."""
    run = Run(JobTemplate("image", "a@b", "key", "n2-standard-4", "n2-standard-4", 3600), "gs://data/runs", {})
    graph = value_chain("flight_delays", ("logistic", "hgb"), "gs://data/raw/flight_delays/")
    definition = parse(json.loads(compile_graph(graph, run)))
    values, facts = definition.values({}), {"pipeline_job_name": "run-1"}
    found = {}
    for name, step in definition.steps.items():
        (pool,) = custom_job(step, definition.inputs(step, values, {}), facts)["jobSpec"]["workerPoolSpecs"]
        found[name] = pool["containerSpec"]["args"]
    return found


@pytest.mark.parametrize("name", JOBS)
def test_a_job_takes_what_its_step_gives_it_on_vertex_ai(
    name: str, words: dict[str, list[str]], tmp_path: Path
) -> None:
    """The same options as on SageMaker, each a folder that the adapter fetches or leaves."""
    assert words[name][0] == "run"
    step = vertex.read_step(words[name][1:], tmp_path)
    assert step.module == f"ml_jobs.{name}"
    parsed = vars(importlib.import_module(step.module).arguments().parse_args(step.arguments))
    assert parsed.pop("use_case") == "flight_delays"
    folders = {*(entry.partition("/")[0] for entry in step.inputs), *step.outputs}
    assert parsed.keys() == folders
    given = steps()[name]["ContainerArguments"]
    assert {f"--{option}" for option in folders} == set(given[2::2])


def test_training_takes_what_its_step_gives_it_on_vertex_ai(words: dict[str, list[str]]) -> None:
    for name in ("logistic", "hgb"):
        entry, *options = words[f"train-{name}"]
        assert entry == "train"
        given = dict(option.removeprefix("--").split("=", maxsplit=1) for option in options)
        assert given.pop("input") == "features=gs://data/runs/run-1/ingest/features"
        assert given.keys() == set(candidate.HYPERPARAMETERS)
        assert given["candidate"] == name
