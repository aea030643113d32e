"""Protects that a KFP spec is read whole before anything runs, a wrong one with the place of its fault."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from googleapiclient.discovery_cache import get_static_doc
from hypothesis import given
from hypothesis import strategies as st

from components.pipeline import vertex
from components.pipeline.chain import value_chain
from components.training import JobTemplate
from infra.localcloud.jobs.custom_job_kfp import check, check_run, custom_job, resources
from infra.localcloud.jobs.definition import DefinitionError, UnsupportedError
from infra.localcloud.jobs.definition_kfp import Definition, parse

Document = dict[str, Any]
PREFIX = "GoogleCloudAiplatformV1"
FACTS = {
    "pipeline_job_name": "run-1",
    "pipeline_google_cloud_project_id": "stile-local",
    "pipeline_google_cloud_location": "us-central1",
    "pipeline_service_account": "pipeline@stile-local.iam.gserviceaccount.com",
}
GOOD: Document = {
    "schemaVersion": "2.1.0",
    "pipelineInfo": {"name": "two"},
    "root": {
        "inputDefinitions": {
            "parameters": {
                "Seed": {"parameterType": "NUMBER_INTEGER", "defaultValue": 7.0, "isOptional": True},
                "Rate": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 1},
                "Mode": {"parameterType": "STRING"},
                "Flag": {"parameterType": "BOOLEAN", "defaultValue": False},
                "Names": {"parameterType": "LIST", "defaultValue": ["a"]},
            }
        },
        "dag": {
            "tasks": {
                "first": {
                    "taskInfo": {"name": "First of two"},
                    "componentRef": {"name": "comp-one"},
                    "cachingOptions": {"enableCache": True},
                    "inputs": {
                        "parameters": {
                            "mode": {"componentInputParameter": "Mode"},
                            "seed": {"componentInputParameter": "Seed"},
                        }
                    },
                },
                "second": {
                    "componentRef": {"name": "comp-one"},
                    "dependentTasks": ["first"],
                    "inputs": {
                        "parameters": {
                            "mode": {"runtimeValue": {"constant": "{{$.pipeline_job_name}}/{{$.pipeline_task_uuid}}"}},
                            "flag": {"componentInputParameter": "Flag"},
                        }
                    },
                },
            }
        },
    },
    "components": {
        "comp-one": {
            "executorLabel": "exec-one",
            "inputDefinitions": {
                "parameters": {
                    "mode": {"parameterType": "STRING"},
                    "seed": {"parameterType": "NUMBER_INTEGER", "defaultValue": 3},
                    "flag": {"parameterType": "BOOLEAN", "defaultValue": True},
                }
            },
        }
    },
    "deploymentSpec": {
        "executors": {
            "exec-one": {
                "container": {
                    "image": "image@sha256:1",
                    "command": ["program"],
                    "args": [
                        "--mode={{$.inputs.parameters['mode']}}",
                        "{{$.inputs.parameters['seed']}}",
                        '{{$.inputs.parameters["flag"]}}',
                    ],
                }
            }
        }
    },
}
FIRST = ("root", "dag", "tasks", "first")
CONTAINER = ("deploymentSpec", "executors", "exec-one", "container")


def put(*path: Any, value: Any) -> Callable[[Document], None]:
    """Make a change that sets one place of a document."""

    def change(document: Document) -> None:
        target: Any = document
        for part in path[:-1]:
            target = target[part]
        target[path[-1]] = value

    return change


def changed(*changes: Callable[[Document], None]) -> Document:
    document = copy.deepcopy(GOOD)
    for change in changes:
        change(document)
    return document


def job(definition: Definition, task: str, **given_values: Any) -> dict[str, Any]:
    step, values = definition.steps[task], definition.values(given_values)
    return custom_job(step, definition.inputs(step, values, {}), FACTS)


def test_a_task_waits_for_what_it_names_and_for_what_it_reads() -> None:
    output = {"taskOutputParameter": {"producerTask": "first", "outputParameterKey": "made"}}
    definition = parse(
        changed(
            put("components", "comp-one", "outputDefinitions", value={"parameters": {"made": {}}}),
            put("root", "dag", "tasks", "second", "dependentTasks", value=[]),
            put("root", "dag", "tasks", "second", "inputs", "parameters", "mode", value=output),
        )
    )
    assert {name: step.after for name, step in definition.steps.items()} == {
        "first": frozenset(),
        "second": frozenset({"first"}),
    }
    assert [step.display_name for step in definition.steps.values()] == ["First of two", "second"]
    step, values = definition.steps["second"], definition.values({"Mode": "x"})
    assert definition.inputs(step, values, {"first": {"made": "it"}})["mode"] == "it"


def test_values_come_from_the_run_then_from_the_defaults() -> None:
    """Google's JSON of a Struct knows no whole numbers: 11 may come as 11.0."""
    values = parse(GOOD).values({"Mode": "fast", "Seed": 11.0, "Names": []})
    assert values == {"Mode": "fast", "Seed": 11, "Rate": 1.0, "Flag": False, "Names": []}
    assert [type(values[name]) for name in ("Seed", "Rate", "Flag")] == [int, float, bool]


@pytest.mark.parametrize(
    ("given_values", "message"),
    [
        ({}, r"runtimeConfig.parameterValues.Mode: a value is needed"),
        ({"Mode": 1}, "Mode: 1 is no value of type STRING"),
        ({"Mode": "x", "Seed": 1.5}, "Seed: 1.5 is no value of type NUMBER_INTEGER"),
        ({"Mode": "x", "Seed": True}, "Seed: True is no value of type NUMBER_INTEGER"),
        ({"Mode": "x", "Seed": "7"}, "Seed: '7' is no value of type NUMBER_INTEGER"),
        ({"Mode": "x", "Rate": "1"}, "Rate: '1' is no value of type NUMBER_DOUBLE"),
        ({"Mode": "x", "Flag": "true"}, "Flag: 'true' is no value of type BOOLEAN"),
        ({"Mode": "x", "Names": {}}, "Names: {} is no value of type LIST"),
        ({"Mode": "x", "Extra": 1}, r"parameterValues.Extra: the pipeline has no such parameter"),
    ],
)
def test_wrong_values_of_a_run_are_refused(given_values: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        parse(GOOD).values(given_values)


def test_a_plain_container_becomes_a_job_under_the_pipelines_account() -> None:
    """Texts stay, numbers and truths are written as in JSON; what the run does not know is empty."""
    definition = parse(GOOD)
    assert job(definition, "first", Mode='say "so"', Seed=11) == {
        "displayName": "run-1-first",
        "jobSpec": {
            "workerPoolSpecs": [
                {
                    "machineSpec": {"machineType": "e2-standard-4"},
                    "replicaCount": 1,
                    "containerSpec": {
                        "imageUri": "image@sha256:1",
                        "command": ["program"],
                        "args": ['--mode=say "so"', "11", "true"],
                    },
                }
            ],
            "serviceAccount": "pipeline@stile-local.iam.gserviceaccount.com",
        },
    }
    (pool,) = job(definition, "second", Mode="x")["jobSpec"]["workerPoolSpecs"]
    assert pool["containerSpec"]["args"] == ["--mode=run-1/", "3", "false"]


WRONG = {
    "version": (put("schemaVersion", value="2.0.0"), "schemaVersion: must be 2.1.0, not '2.0.0'"),
    "no name": (put("pipelineInfo", value={}), "pipelineInfo.name: must be of type str"),
    "no tasks": (put("root", "dag", "tasks", value={}), "root.dag.tasks: there must be at least one"),
    "task no object": (put(*FIRST, value="x"), "root.dag.tasks.first: must be of type dict, not str"),
    "unknown member": (put(*FIRST, "input", value={}), "tasks.first.input: is not a member of a task"),
    "no component": (put(*FIRST, "componentRef", "name", value="comp-x"), "components.comp-x: must be of type dict"),
    "no executor": (put("deploymentSpec", "executors", value={}), "executors.exec-one: must be of type dict"),
    "no image": (put(*CONTAINER, "image", value=None), "container.image: must be of type str"),
    "depends on nothing": (put(*FIRST, "dependentTasks", value=["gone"]), "tasks.first: .* needs 'gone'"),
    "circle": (put(*FIRST, "dependentTasks", value=["second"]), "in a circle"),
    "unknown parameter of the run": (
        put(*FIRST, "inputs", "parameters", "mode", value={"componentInputParameter": "Mod"}),
        "inputs.parameters.mode: the pipeline has no parameter 'Mod'",
    ),
    "no output": (
        put(
            *(*FIRST, "inputs", "parameters", "mode"),
            value={"taskOutputParameter": {"producerTask": "second", "outputParameterKey": "x"}},
        ),
        "circle|has no output 'x'",
    ),
    "missing input": (put(*FIRST, "inputs", value={}), "first.inputs.parameters: lacks 'mode'"),
    "parameter's type": (
        put("root", "inputDefinitions", "parameters", "Seed", "parameterType", value="INT"),
        "parameters.Seed.parameterType: must be one of STRING",
    ),
    "default's type": (
        put("root", "inputDefinitions", "parameters", "Seed", "defaultValue", value="7"),
        "Seed.defaultValue: '7' is no value of type NUMBER_INTEGER",
    ),
    "placeholder of no parameter": (
        put(*CONTAINER, "args", value=["{{$.inputs.parameters['x']}}"]),
        r"tasks.first.container.args\[0\]|tasks.first.container: the component has no input 'x'",
    ),
    "nonsense": (put(*CONTAINER, "args", value=["{{$.pipeline_nam}}"]), r"\{\{\$.pipeline_nam\}\} names nothing"),
    "nonsense in a constant": (
        put(
            "root",
            "dag",
            "tasks",
            "second",
            "inputs",
            "parameters",
            "mode",
            "runtimeValue",
            "constant",
            value="{{$.x}}",
        ),
        "tasks.second.inputs.*names nothing",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_spec_is_refused_with_its_place(name: str) -> None:
    change, message = WRONG[name]
    with pytest.raises(DefinitionError, match=message):
        parse(changed(change))


OTHER = {
    "condition": (put(*FIRST, "triggerPolicy", value={"condition": "x"}), "tasks.first.triggerPolicy"),
    "loop": (put(*FIRST, "parameterIterator", value={}), "tasks.first.parameterIterator"),
    "retries": (put(*FIRST, "retryPolicy", value={"maxRetryCount": 1}), "tasks.first.retryPolicy"),
    "importer": (put("deploymentSpec", "executors", "exec-one", value={"importer": {}}), "exec-one.importer"),
    "pipeline in a pipeline": (put("components", "comp-one", "dag", value={}), "components.comp-one.dag"),
    "artifacts in": (
        put("components", "comp-one", "inputDefinitions", "artifacts", value={"x": {}}),
        "comp-one.inputDefinitions.artifacts",
    ),
    "artifacts out": (
        put("components", "comp-one", "outputDefinitions", value={"artifacts": {"x": {}}}),
        "comp-one.outputDefinitions.artifacts",
    ),
    "a Python component": (put(*CONTAINER, "args", value=["{{$}}"]), r"container.args\[0\]: \{\{\$\}\}"),
    "a lifecycle": (put(*CONTAINER, "lifecycle", value={}), "container.lifecycle"),
}


@pytest.mark.parametrize("name", OTHER)
def test_what_the_vendor_can_and_we_cannot_is_not_taken_for_a_mistake(name: str) -> None:
    change, message = OTHER[name]
    with pytest.raises(UnsupportedError, match=f"{message}.* not implemented in the local cloud"):
        parse(changed(change))


def test_other_components_of_google_are_refused_before_anything_runs() -> None:
    image = "gcr.io/ml-pipeline/google-cloud-pipeline-components:2.22.0"
    with pytest.raises(UnsupportedError, match=r"tasks.first: of Google's components, CustomJobs alone"):
        check(parse(changed(put(*CONTAINER, "image", value=image))))
    outputs = put("components", "comp-one", "outputDefinitions", value={"parameters": {"made": {}}})
    with pytest.raises(UnsupportedError, match=r"tasks.first: outputs of plain containers \(made\)"):
        check(parse(changed(outputs)))
    check(parse(GOOD))


@pytest.mark.parametrize("document", [None, [], "text", {}])
def test_what_is_no_spec_is_refused(document: Any) -> None:
    with pytest.raises(DefinitionError):
        parse(document)


def test_a_value_that_refers_to_itself_is_refused() -> None:
    definition = parse(GOOD)
    with pytest.raises(DefinitionError, match="'mode' refers to itself"):
        job(definition, "first", Mode="{{$.inputs.parameters['mode']}}")


@given(st.text(st.characters(codec="utf-8"), max_size=40).filter(lambda text: "{{$" not in text))
def test_any_text_reaches_a_container_as_it_is(text: str) -> None:
    (pool,) = job(parse(GOOD), "first", Mode=text)["jobSpec"]["workerPoolSpecs"]
    assert pool["containerSpec"]["args"][0] == f"--mode={text}"


@pytest.fixture(scope="module")
def ours() -> Definition:
    """The value chain as it is compiled for Vertex AI."""
    template = JobTemplate("image@sha256:1", "unused", "key-1", "n2-standard-4", "n2-standard-2", 3600)
    roles = dict.fromkeys(("ingest", "validate", "evaluate", "govern", "register"), "other@x") | {"train": "train@x"}
    run = vertex.Run(template, "gs://data/runs", {"STILE_MODEL": "flights"}, roles, {"stile-stage": "pipeline"}, "p")
    graph = value_chain("flight_delays", ("logistic", "hgb"), "gs://data/raw/")
    return parse(json.loads(vertex.compile_graph(graph, run)))


def test_each_step_of_ours_acts_under_its_own_account_with_its_own_folders(ours: Definition) -> None:
    check(ours)
    assert job(ours, "train-hgb", Seed=11.0, RawDataUri="gs://other/") == {
        "displayName": "run-1-train-hgb",
        "jobSpec": {
            "workerPoolSpecs": [
                {
                    "machineSpec": {"machineType": "n2-standard-4"},
                    "replicaCount": 1,
                    "containerSpec": {
                        "imageUri": "image@sha256:1",
                        "args": [
                            "train",
                            "--input=features=gs://data/runs/run-1/ingest/features",
                            "--use_case=flight_delays",
                            "--candidate=hgb",
                            "--seed=11",
                            "--shuffle_labels=false",
                        ],
                        "env": [
                            {"name": "STILE_EXECUTION_ID", "value": "run-1"},
                            {"name": "STILE_MODEL", "value": "flights"},
                            {"name": "STILE_MODELS_URI", "value": "gs://data/runs/run-1"},
                        ],
                    },
                    "diskSpec": {"bootDiskType": "pd-ssd", "bootDiskSizeGb": 100},
                }
            ],
            "scheduling": {"timeout": "3600s", "strategy": "STANDARD"},
            "serviceAccount": "train@x",
            "baseOutputDirectory": {"outputUriPrefix": "gs://data/runs/run-1/train-hgb"},
        },
        "labels": {"stile-stage": "pipeline"},
        "encryptionSpec": {"kmsKeyName": "key-1"},
    }


def test_every_job_of_ours_is_valid_for_the_vendor(ours: Definition) -> None:
    """Each member of each CustomJob is in the discovery document."""
    schemas = json.loads(get_static_doc("aiplatform", "v1"))["schemas"]
    for task in ours.steps:
        assert list(unknown(job(ours, task), f"{PREFIX}CustomJob", schemas, task)) == []
    wrong = {"jobSpec": {"workerPoolSpecs": [{"machineSpec": {"machineTyp": "x"}}]}}
    assert list(unknown(wrong, f"{PREFIX}CustomJob", schemas, "")) == [
        ".jobSpec.workerPoolSpecs.machineSpec.machineTyp"
    ]


def unknown(value: dict[str, Any], schema: str, schemas: dict[str, Any], path: str) -> Any:
    properties = schemas[schema]["properties"]
    for name, member in value.items():
        described = properties.get(name)
        if described is None:
            yield f"{path}.{name}"
            continue
        reference = described.get("$ref") or described.get("items", {}).get("$ref")
        for item in member if isinstance(member, list) else [member]:
            if reference and isinstance(item, dict):
                yield from unknown(item, reference, schemas, f"{path}.{name}")


def test_a_value_that_breaks_a_job_is_told_before_anything_runs(ours: Definition) -> None:
    check_run(ours, ours.values({}), FACTS)
    broken = copy.deepcopy(ours)
    broken.steps["ingest"].container["args"][3] = "{\"display_name\": {{$.inputs.parameters['display_name']}}}"
    with pytest.raises(DefinitionError, match=r"tasks.ingest.args: with all values put in, --payload is no JSON"):
        check_run(broken, broken.values({}), FACTS)


def test_a_raw_address_with_quotes_survives_the_payload(ours: Definition) -> None:
    (pool,) = job(ours, "ingest", RawDataUri='gs://data/a "b"\\c/')["jobSpec"]["workerPoolSpecs"]
    assert '--input=raw=gs://data/a "b"\\c/' in pool["containerSpec"]["args"]


def test_a_launcher_gives_the_job_that_it_started() -> None:
    given_by = resources("projects/1/locations/us-central1/customJobs/2", "http://127.0.0.1:1")
    (resource,) = json.loads(str(given_by["gcp_resources"]))["resources"]
    assert resource["resourceUri"] == "http://127.0.0.1:1/v1/projects/1/locations/us-central1/customJobs/2"
