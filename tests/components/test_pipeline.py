"""The compiled pipeline: held by a golden file, valid by the vendor's schema of each job, every reference resolved.

After a change that is meant: `STILE_WRITE_GOLDEN=1 pytest tests/components`.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.model import Shape
from botocore.validate import ParamValidator

from components.pipeline.chain import value_chain
from components.pipeline.sagemaker import Run, compile_graph
from components.training import JobTemplate
from tests.components.mocked import Declared

PLACEHOLDER = "resolved"
# Of the vendor's patterns of tags, for Python's own module of regular expressions does not know them.
UNICODE_GROUPS = {r"\p{L}": r"\w", r"\p{Z}": r"\s", r"\p{N}": r"\d"}


@pytest.fixture(scope="module")
def definition(first_up: Declared) -> dict[str, Any]:
    text: str = first_up.one("pipeline:Pipeline").inputs["pipelineDefinition"]
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def references(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("Get"), str):
            yield value["Get"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def resolved(value: object) -> object:
    """The value with every expression replaced by text, as SageMaker would do before it calls the job's API."""
    if isinstance(value, Mapping):
        if set(value) & {"Get", "Std:Join"}:
            return PLACEHOLDER
        return {key: resolved(inner) for key, inner in value.items()}
    return [resolved(inner) for inner in value] if isinstance(value, list) else value


def test_golden(first_up: Declared, golden: Path) -> None:
    text = first_up.one("pipeline:Pipeline").inputs["pipelineDefinition"] + "\n"
    file = golden / "aws" / "pipeline.json"
    if os.environ.get("STILE_WRITE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


def test_same_graph_same_text() -> None:
    template = JobTemplate(
        "image@sha256:1", "role", "key", "ml.m5.large", "ml.m5.large", 3600, environment={"B": "2", "A": "1"}
    )
    swapped = JobTemplate(
        "image@sha256:1", "role", "key", "ml.m5.large", "ml.m5.large", 3600, environment={"A": "1", "B": "2"}
    )
    graph = value_chain("flight_delays", ("hgb",), "s3://bucket/raw/")
    texts = {compile_graph(graph, Run(each, "s3://bucket/runs", {})) for each in (template, swapped)}
    assert len(texts) == 1


def test_steps_are_the_value_chain(definition: dict[str, Any]) -> None:
    steps = {step["Name"]: step["Type"] for step in definition["Steps"]}
    training = {"train-logistic": "Training", "train-hgb": "Training"}
    processing = dict.fromkeys(("ingest", "validate", "evaluate", "govern", "register"), "Processing")
    assert definition["Version"] == "2020-12-01"
    assert steps == training | processing


def test_every_reference_resolves(definition: dict[str, Any]) -> None:
    """To a parameter, to the execution, or to what an earlier step makes."""
    parameters = {f"Parameters.{parameter['Name']}" for parameter in definition["Parameters"]}
    known = parameters | {"Execution.PipelineExecutionId"}
    found = 0
    for step in definition["Steps"]:
        for reference in references(step["Arguments"]):
            found += 1
            assert reference in known, f"{step['Name']} refers to {reference}"
        assert set(step.get("DependsOn", [])) <= {name.split(".")[1] for name in known if name.startswith("Steps.")}
        known |= set(provided(step))
    assert found > 30


def provided(step: Mapping[str, Any]) -> Iterator[str]:
    prefix = f"Steps.{step['Name']}"
    if step["Type"] == "Training":
        yield f"{prefix}.ModelArtifacts.S3ModelArtifacts"
        return
    for output in step["Arguments"]["ProcessingOutputConfig"]["Outputs"]:
        yield f"{prefix}.ProcessingOutputConfig.Outputs['{output['OutputName']}'].S3Output.S3Uri"


def test_every_job_is_valid_for_the_vendor(definition: dict[str, Any]) -> None:
    """With a name added, each step's arguments are a valid CreateTrainingJob or CreateProcessingJob request."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    for step in definition["Steps"]:
        shape = model.operation_model(f"Create{step['Type']}Job").input_shape
        arguments = resolved(step["Arguments"]) | {f"{step['Type']}JobName": "job"}  # type: ignore[operator]
        assert not ParamValidator().validate(arguments, shape).generate_report(), step["Name"]
        assert list(patterns(arguments, shape, step["Name"])) == []


def patterns(value: Any, shape: Shape, path: str) -> Iterator[str]:
    """What breaks the vendor's patterns and lengths, which botocore leaves to the service."""
    for inner, inner_shape, inner_path in parts(value, shape, path):
        if inner_shape.type_name == "string":
            yield from broken(inner, inner_shape, inner_path)
        else:
            yield from patterns(inner, inner_shape, inner_path)


def parts(value: Any, shape: Shape, path: str) -> Iterator[tuple[Any, Shape, str]]:
    if shape.type_name == "structure":
        yield from ((inner, shape.members[key], f"{path}.{key}") for key, inner in value.items())
    elif shape.type_name == "list":
        yield from ((inner, shape.member, path) for inner in value)
    elif shape.type_name == "map":
        yield from ((key, shape.key, path) for key in value)
        yield from ((inner, shape.value, f"{path}.{key}") for key, inner in value.items())


def broken(text: str, shape: Shape, path: str) -> Iterator[str]:
    """An expression's text is not known before a run, so it is left out."""
    pattern, longest = shape.metadata.get("pattern"), shape.metadata.get("max")
    for group, letters in UNICODE_GROUPS.items():
        pattern = pattern.replace(group, letters) if pattern else pattern
    if text == PLACEHOLDER:
        return
    if pattern and not re.fullmatch(pattern, text):
        yield f"{path}: {text!r} does not match {pattern}"
    if longest and len(text) > longest:
        yield f"{path}: {text!r} is longer than {longest}"
    if shape.enum and text not in shape.enum:
        yield f"{path}: {text!r} is none of the vendor's values"


def test_the_check_of_patterns_sees_what_is_wrong() -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    shape = model.operation_model("CreateTrainingJob").input_shape
    assert (
        len(list(patterns({"TrainingJobName": "no spaces", "ResourceConfig": {"InstanceType": "ml.x"}}, shape, "")))
        == 2
    )


def test_jobs_are_told_what_the_contract_says(definition: dict[str, Any]) -> None:
    needed = {
        "MLFLOW_EXPERIMENT_NAME",
        "MLFLOW_TRACKING_URI",
        "STILE_CLOUD",
        "STILE_EXECUTION_ID",
        "STILE_IMAGE",
        "STILE_MODEL",
        "STILE_MODELS_URI",
        "STILE_MODEL_PACKAGE_GROUP",
        "STILE_USE_CASE",
    }
    for step in definition["Steps"]:
        assert set(step["Arguments"]["Environment"]) == needed


def test_every_candidates_model_reaches_evaluate_and_register(definition: dict[str, Any]) -> None:
    for name in ("evaluate", "register"):
        (step,) = [each for each in definition["Steps"] if each["Name"] == name]
        folders = {each["S3Input"]["LocalPath"] for each in step["Arguments"]["ProcessingInputs"]}
        assert {f"/opt/ml/processing/input/models/{candidate}" for candidate in ("logistic", "hgb")} <= folders
        arguments = step["Arguments"]["AppSpecification"]["ContainerArguments"]
        assert arguments[arguments.index("--models") + 1] == "/opt/ml/processing/input/models"


def test_training_waits_for_validation(definition: dict[str, Any]) -> None:
    training = [step for step in definition["Steps"] if step["Type"] == "Training"]
    assert training
    assert all(step["DependsOn"] == ["validate"] for step in training)
