"""Protects how a model is served on Vertex AI: the routes, the settings of a deployment, and what it refuses."""

from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from ml_jobs.contracts import addresses, vertex
from ml_jobs.errors import JobError, ModelDigestError
from ml_jobs.use_cases import UseCase
from tests.ml_jobs import cloud_storage as ground
from tests.ml_jobs.serving import client, environment, instances, made_up_flights, save_model, started


def test_serve_answers_under_the_routes_that_the_platform_names(
    bucket: ground.Bucket, use_case: UseCase, tmp_path: Path
) -> None:
    """An answer holds predictions alone: the platform puts the model's name and version beside them."""
    digest = save_model(use_case, "hgb", tmp_path / "model")
    bucket.put_folder("served", tmp_path / "model")
    route = "/v1/endpoints/1/deployedModels/2"
    variables = environment(
        **bucket.environment,
        AIP_HTTP_PORT="0",
        AIP_STORAGE_URI=bucket.uri("served"),
        AIP_PREDICT_ROUTE=f"{route}:predict",
        AIP_HEALTH_ROUTE=route,
        STILE_GCP_ENDPOINT="http://127.0.0.1:4567",
        STILE_CLOUD="gcp",
        STILE_USE_CASE="flight_delays",
        STILE_MODEL_SHA256=digest,
    )
    rows = instances(made_up_flights(use_case, 5, 4), use_case)
    with started("container", ["serve"], variables, tmp_path) as running, client(running) as asked:
        assert httpx.URL(running.url()).host == "127.0.0.1"
        assert asked.get(route).status_code == 200
        answer = asked.post(f"{route}:predict", json={"instances": rows}).json()
        refused = asked.post(f"{route}:predict", json={"instances": []})
        own = asked.post("/invocations", json={"instances": rows}).json()
    assert answer.keys() == {"predictions"}
    assert len(answer["predictions"]) == 5
    assert own["predictions"] == answer["predictions"]
    assert own["model"]["sha256"] == digest
    assert (refused.status_code, refused.json()["error"]["path"]) == (400, "instances")


def settings(bucket: ground.Bucket, tmp_path: Path, content: str) -> dict[str, str]:
    """A container's variables with these settings of its deployment in the bucket."""
    (tmp_path / "serving" / "12").mkdir(parents=True)
    (tmp_path / "serving" / "12" / "34.json").write_text(content)
    bucket.put_folder("serving", tmp_path / "serving")
    told = {"STILE_SERVING_URI": bucket.uri("serving"), "AIP_ENDPOINT_ID": "12", "AIP_DEPLOYED_MODEL_ID": "34"}
    return {**bucket.environment, **told, "STILE_MODEL_VERSION": "of the image"}


def test_a_deployments_variables_stand_over_its_versions(
    bucket: ground.Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Vertex AI gives a deployment none of its own; one that somebody else made goes on with its version's."""
    environ = settings(bucket, tmp_path, '{"STILE_MODEL_VERSION": "3", "STILE_CAPTURE_SHARE": "0.2"}')
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    found = vertex.deployed(environ)
    assert (found["STILE_MODEL_VERSION"], found["STILE_CAPTURE_SHARE"]) == ("3", "0.2")
    assert vertex.deployed({**environ, "AIP_DEPLOYED_MODEL_ID": "35"})["STILE_MODEL_VERSION"] == "of the image"
    assert vertex.deployed({**environ, "STILE_SERVING_URI": ""})["STILE_MODEL_VERSION"] == "of the image"


@pytest.mark.parametrize(("content", "told"), [("{", "is not JSON"), ('{"PORT": 1}', "each a text"), ("[]", "object")])
def test_settings_that_are_none_are_told(
    bucket: ground.Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, told: str
) -> None:
    environ = settings(bucket, tmp_path, content)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(JobError, match=f"serving/12/34.json .*{told}"):
        vertex.deployed(environ)


def test_serve_ends_where_the_registered_model_is_not_there(
    bucket: ground.Bucket, use_case: UseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = save_model(use_case, "hgb", tmp_path / "model")
    bucket.put_folder("wrong", tmp_path / "model")
    monkeypatch.setenv("AIP_STORAGE_URI", bucket.uri("wrong"))
    monkeypatch.setenv("STILE_USE_CASE", "flight_delays")
    monkeypatch.setenv("STILE_MODEL_SHA256", "cd" * 32)
    with pytest.raises(ModelDigestError) as raised:
        vertex.serve([])
    assert digest in str(raised.value)
    assert "cd" * 32 in str(raised.value)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "AIP_STORAGE_URI and STILE_USE_CASE is not set"),
        (
            {"AIP_STORAGE_URI": "gs://b/m", "STILE_USE_CASE": "flight_delays", "AIP_HTTP_PORT": "80a"},
            "AIP_HTTP_PORT is '80a'",
        ),
    ],
)
def test_serve_needs_its_variables(variables: Mapping[str, str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(JobError, match=message):
        vertex.serve([])


@pytest.mark.parametrize(
    ("variables", "host"),
    [
        ({}, "0.0.0.0"),
        ({"STILE_GCP_ENDPOINT": "http://127.0.0.1:4567"}, "127.0.0.1"),
        ({"STILE_GCP_ENDPOINT": "https://us-central1-aiplatform.googleapis.com"}, "0.0.0.0"),
    ],
)
def test_a_local_cloud_is_served_on_loopback_only(variables: Mapping[str, str], host: str) -> None:
    assert addresses.bind_host(variables, vertex.ENDPOINT) == host
