"""Protects what a container of Vertex AI finds, and what is told of its end."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.localcloud.jobs import contract_vertex
from infra.localcloud.jobs.contract_vertex import custom_job_request
from infra.localcloud.jobs.definition import UnsupportedError
from infra.localcloud.jobs.process import Ending, Exit
from infra.localcloud.jobs.request import JobRequest

NAME = "projects/stile-local/locations/us-central1/customJobs/1234"
AGENT = "service-1@gcp-sa-aiplatform-cc.iam.gserviceaccount.com"
CONTAINER: dict[str, Any] = {
    "imageUri": "image@sha256:1",
    "command": ["program", "--job=$(CLOUD_ML_JOB_ID)"],
    "args": ["$(OWN)", "$$(OWN)", "$(NOBODY)", "100%"],
    "env": [{"name": "OWN", "value": "mine of $(AIP_MODEL_DIR)"}, {"name": "LATER", "value": "$(OWN)!"}],
}


def body(container: dict[str, Any] = CONTAINER, **spec: Any) -> dict[str, Any]:
    pool = {"machineSpec": {"machineType": "n2-standard-4"}, "replicaCount": "1", "containerSpec": container}
    return {"displayName": "job", "jobSpec": {"workerPoolSpecs": [pool], **spec}}


def read(**spec: Any) -> JobRequest:
    return custom_job_request(body(**spec), NAME, AGENT)


def test_a_job_finds_its_folders_below_its_output_directory() -> None:
    found = contract_vertex.environment(read(baseOutputDirectory={"outputUriPrefix": "gs://data/run/train/"}))
    assert found["AIP_MODEL_DIR"] == "gs://data/run/train/model/"
    assert found["AIP_CHECKPOINT_DIR"] == "gs://data/run/train/checkpoints/"
    assert found["AIP_TENSORBOARD_LOG_DIR"] == "gs://data/run/train/logs/"
    assert (found["CLOUD_ML_JOB_ID"], found["CLOUD_ML_PROJECT_ID"]) == ("1234", "stile-local")
    assert json.loads(found["CLUSTER_SPEC"])["task"] == {"type": "workerpool0", "index": 0}
    assert not [name for name in contract_vertex.environment(read()) if name.startswith("AIP_")]


def test_variables_are_put_into_variables_and_words() -> None:
    """As Kubernetes does: those before, `$$` is a dollar, and what nobody knows stays as it is."""
    job = read(baseOutputDirectory={"outputUriPrefix": "gs://data/run"})
    assert job.environment["OWN"] == "mine of gs://data/run/model/"
    assert job.environment["LATER"] == "mine of gs://data/run/model/!"
    assert job.entrypoint == ("program", "--job=1234")
    assert job.arguments == ("mine of gs://data/run/model/", "$(OWN)", "$(NOBODY)", "100%")


def test_the_images_own_words_hold_where_none_are_given() -> None:
    job = custom_job_request(body({"imageUri": "image"}), NAME, AGENT)
    assert (job.entrypoint, job.arguments) == (None, None)


@pytest.mark.parametrize(
    ("scheduling", "wanted"), [({}, 604_800), ({"timeout": "3600s"}, 3600), ({"timeout": "1.5s"}, 2)]
)
def test_a_job_may_last_a_week_unless_it_says_otherwise(scheduling: dict[str, str], wanted: int) -> None:
    assert read(scheduling=scheduling).max_runtime_seconds == wanted


def test_a_job_acts_under_the_account_that_it_names() -> None:
    assert read(serviceAccount="train@stile-local.iam.gserviceaccount.com").role.startswith("train@")
    assert read().role == AGENT


POOL = body()["jobSpec"]["workerPoolSpecs"][0]
OTHER: dict[str, list[dict[str, Any]]] = {
    "two pools": [POOL, POOL],
    "two replicas": [{**POOL, "replicaCount": "2"}],
    "a Python package": [{**POOL, "pythonPackageSpec": {"packageUris": ["gs://b/x"]}}],
    "a GPU": [{**POOL, "machineSpec": {"acceleratorType": "NVIDIA_TESLA_T4"}}],
    "a mount": [{**POOL, "nfsMounts": [{}]}],
}


@pytest.mark.parametrize("name", OTHER)
def test_what_would_run_otherwise_here_is_refused(name: str) -> None:
    with pytest.raises(UnsupportedError, match=r"^jobSpec\.workerPoolSpecs"):
        read(workerPoolSpecs=OTHER[name])


def test_an_empty_pool_is_none() -> None:
    """Vertex AI skips pools without content."""
    assert read(workerPoolSpecs=[POOL, {}]).image == "image@sha256:1"


def test_the_end_of_the_log_is_the_reason(tmp_path: Path) -> None:
    """Vertex AI knows no failure file: it shows what the container wrote last."""
    files = tmp_path / "root"
    files.mkdir()
    assert contract_vertex.message(read(), files) == ""
    lines = [f"line {number} {'x' * 100}" for number in range(200)]
    (tmp_path / "output.log").write_text("\n".join([*lines, "error: features.parquet is missing", ""]))
    said = contract_vertex.message(read(), files)
    assert said.splitlines()[-1] == "error: features.parquet is missing"
    assert len(said.splitlines()) == contract_vertex.LAST_LINES
    told = contract_vertex.failure(Exit(1, Ending.EXITED), said, "https://logs")
    assert told.startswith("The replica workerpool0-0 exited with a non-zero status of 1. Termination reason: Error.\n")
    assert told.endswith("please check the logs: https://logs")


def test_a_model_server_finds_its_routes_and_its_model() -> None:
    container: dict[str, Any] = {"imageUri": "image", "args": ["serve", "$(AIP_STORAGE_URI)"]}
    given: dict[str, Any] = {"port": 5001, "storage_uri": "gs://b/m", "endpoint": "12", "deployed_model": "34"}
    found = contract_vertex.serving_environment(container, **given)
    assert found == {
        "AIP_MODE": "PREDICTION",
        "AIP_HTTP_PORT": "5001",
        "AIP_HEALTH_ROUTE": "/v1/endpoints/12/deployedModels/34",
        "AIP_PREDICT_ROUTE": "/v1/endpoints/12/deployedModels/34:predict",
        "AIP_STORAGE_URI": "gs://b/m",
        "AIP_ENDPOINT_ID": "12",
        "AIP_DEPLOYED_MODEL_ID": "34",
    }
    assert contract_vertex.serving_words(container, found, "args") == ("serve", "gs://b/m")
    assert contract_vertex.serving_words(container, found, "command") is None
    own = {**container, "predictRoute": "/p", "healthRoute": "/h", "env": [{"name": "A", "value": "$(AIP_HTTP_PORT)"}]}
    named = contract_vertex.serving_environment(own, **given)
    assert (named["AIP_PREDICT_ROUTE"], named["AIP_HEALTH_ROUTE"], named["A"]) == ("/p", "/h", "5001")
