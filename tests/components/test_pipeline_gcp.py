"""The pipeline on Google Cloud: one object, named by its hash, that the vendor's own API takes as a run."""

import hashlib
import json
import os
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from components.stages import StepRole
from tests.components.configs import full
from tests.components.conftest import Deploy
from tests.components.mocked import RANDOM, Declared, Made

NAME = "stile-test-gcp-flight-delays"
BUCKET = f"stile-test-gcp-data-{RANDOM}"


@pytest.fixture(scope="module")
def job(first_ups: Mapping[str, Declared]) -> Made:
    return spec_object(first_ups["gcp"])


@pytest.fixture(scope="module")
def body(job: Made) -> Mapping[str, Any]:
    parsed: Mapping[str, Any] = json.loads(job.inputs["content"])
    return parsed


def spec_object(declared: Declared) -> Made:
    (made,) = [each for each in declared.all("bucketObject:BucketObject") if "Pipeline$" in each.urn]
    return made


@cache
def schema(name: str) -> Mapping[str, Any]:
    """A message of Vertex AI's discovery document."""
    documents = resources.files("googleapiclient.discovery_cache").joinpath("documents")
    found: Mapping[str, Any] = json.loads(documents.joinpath("aiplatform.v1.json").read_text())["schemas"][name]
    return found


def test_golden(job: Made, golden: Path) -> None:
    """After a change that is meant: `STILE_WRITE_GOLDEN=1 pytest tests/components`."""
    text = job.inputs["content"] + "\n"
    file = golden / "gcp" / "pipeline.json"
    if os.environ.get("STILE_WRITE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


def test_the_object_is_named_by_its_hash(job: Made) -> None:
    digest = hashlib.sha256(job.inputs["content"].encode()).hexdigest()
    assert job.inputs["name"] == f"pipelines/{NAME}/{digest[:16]}.json"
    assert job.inputs["bucket"] == BUCKET


def test_another_definition_is_another_object(deploy: Deploy, job: Made) -> None:
    config = full("gcp")
    assert spec_object(deploy(config)).inputs["name"] == job.inputs["name"]
    config["stile:platform"]["training"] = {"max_hours": 3}
    assert spec_object(deploy(config)).inputs["name"] != job.inputs["name"]


def test_it_is_what_the_api_takes(body: Mapping[str, Any]) -> None:
    """Every field is one of a PipelineJob that is not for answers only."""
    known = schema("GoogleCloudAiplatformV1PipelineJob")["properties"]
    assert not [name for name in body if name not in known or known[name].get("readOnly")]
    runtime = schema("GoogleCloudAiplatformV1PipelineJobRuntimeConfig")["properties"]
    assert body["runtimeConfig"].keys() <= runtime.keys()


def test_it_runs_under_the_pipelines_account_with_the_platforms_key(
    body: Mapping[str, Any], first_ups: Mapping[str, Declared]
) -> None:
    key = first_ups["gcp"].one("storage/bucket:Bucket").inputs["encryption"]["defaultKmsKeyName"]
    assert body["serviceAccount"] == "stile-test-gcp-pipeline@our-project.iam.gserviceaccount.com"
    assert body["encryptionSpec"] == {"kmsKeyName": key}
    assert body["runtimeConfig"]["gcsOutputDirectory"] == f"gs://{BUCKET}/pipelines/{NAME}/runs"
    assert body["labels"]["stile-model"] == "flight-delays"


def settings(body: Mapping[str, Any], step: str) -> Mapping[str, Any]:
    """What a step's CustomJob is made of."""
    given = body["pipelineSpec"]["components"][f"comp-{step}"]["inputDefinitions"]["parameters"]
    return {name: one.get("defaultValue") for name, one in given.items()}


STEPS: Mapping[str, StepRole] = {
    "ingest": "ingest",
    "validate": "validate",
    "train-logistic": "train",
    "train-hgb": "train",
    "evaluate": "evaluate",
    "govern": "govern",
    "register": "register",
}


def test_each_step_acts_under_its_own_account(body: Mapping[str, Any]) -> None:
    assert {f"comp-{step}" for step in STEPS} == body["pipelineSpec"]["components"].keys()
    for step, role in STEPS.items():
        account = f"stile-test-gcp-{role}@our-project.iam.gserviceaccount.com"
        assert settings(body, step)["service_account"] == account


def test_every_job_has_the_variables_that_the_jobs_read(body: Mapping[str, Any]) -> None:
    """Those of AWS, and where it stands, what a model is encrypted by and whose it is, and where its settings lie."""
    labels = {
        "stile-environment": "test-gcp",
        "stile-model": "flight-delays",
        "stile-owner": "ml-platform",
        "stile-stack": "stile-test-gcp",
        "stile-stage": "registry",
    }
    needed = {
        "GOOGLE_CLOUD_LOCATION": "us-central1",
        "GOOGLE_CLOUD_PROJECT": "our-project",
        "MLFLOW_EXPERIMENT_NAME": "flight-delays",
        "MLFLOW_TRACKING_URI": "https://stile-test-gcp-mlflow-abc.a.run.app",
        "STILE_CLOUD": "gcp",
        "STILE_EXECUTION_ID": "{{$.pipeline_job_name}}",
        "STILE_IMAGE": f"us-central1-docker.pkg.dev/our-project/stile-test-gcp-jobs/jobs@sha256:{'1' * 64}",
        "STILE_KMS_KEY": body["encryptionSpec"]["kmsKeyName"],
        "STILE_LABELS": json.dumps(labels),
        "STILE_MODEL": "flight-delays",
        "STILE_MODELS_URI": f"gs://{BUCKET}/runs/{{{{$.pipeline_job_name}}}}",
        "STILE_MODEL_PACKAGE_GROUP": NAME,
        "STILE_SERVING_URI": f"gs://{BUCKET}/serving",
        "STILE_USE_CASE": "flight_delays",
    }
    for step in STEPS:
        (pool,) = settings(body, step)["worker_pool_specs"]
        assert {each["name"]: each["value"] for each in pool["container_spec"]["env"]} == needed
