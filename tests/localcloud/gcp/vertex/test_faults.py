"""Faults that a test asks for: each step of a release can be made to fail or to last, and what is live stays."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.localcloud.gcp.cloud import PLACE
from tests.localcloud.gcp.vertex.ground import Ground, eventually
from tests.localcloud.gcp.vertex.test_endpoint_rules import RESOURCES, Api
from tests.localcloud.gcp.vertex.test_pipelines import spec


@pytest.fixture
def faults(vertex: Ground) -> Iterator[Path]:
    """The file of the faults, which goes after the test."""
    path = vertex.gcp.cloud.state_dir / "local" / "gcp" / "faults.toml"
    yield path
    path.unlink(missing_ok=True)


def ask(path: Path, machine: str, action: str, name: str, told: str) -> None:
    """Ask for a fault of an action on a resource."""
    path.write_text(f'[[fault]]\nmachine = "{machine}"\naction = "{action}"\nname = "*{name}*"\n{told}\n')


def test_each_step_of_a_release_can_fail(vertex: Ground, server_image: str, faults: Path) -> None:
    """Protects: deploy, split and undeploy fail for the reason given, and the endpoint is as before."""
    api = Api(vertex, server_image)
    with api.http:
        name, model = api.endpoint("live"), api.model("next")
        short, before = name.rpartition("/")[2], api.ask("GET", name)
        ask(faults, "deployment", "deploy", f"{short}/2", 'reason = "no machines left"')
        failed = api.deploy(name, model, "2", {"0": 10, "1": 90})
        assert (failed["error"]["code"], failed["error"]["message"]) == (13, "no machines left")
        assert api.ask("GET", name) == before
        faults.unlink()
        api.deploy(name, model, "2")
        body = {"trafficSplit": {"1": 50, "2": 50}}
        ask(faults, "deployment", "split", short, 'reason = "try again"')
        assert api.ask("PATCH", name, body, updateMask="trafficSplit", refused=500)["message"] == "try again"
        assert api.ask("GET", name)["trafficSplit"] == {"1": 100}
        ask(faults, "deployment", "undeploy", f"{short}/2", 'reason = "stuck"')
        assert api.undeploy(name, "2")["error"]["message"] == "stuck"
        assert len(api.ask("GET", name)["deployedModels"]) == 2
        faults.unlink()
        api.remove(name, "2", "1")


def test_what_is_being_deployed_is_in_the_way(vertex: Ground, server_image: str, faults: Path) -> None:
    """Protects: while a deployment lasts its id is taken, and neither endpoint nor model can be deleted."""
    api = Api(vertex, server_image)
    with api.http:
        name, model = api.endpoint(), api.model("slow")
        ask(faults, "deployment", "deploy", name.rpartition("/")[2], "delay_seconds = 1.5")
        deployed = {"id": "7", "model": model, "dedicatedResources": RESOURCES}
        begun = api.http.post(f"/v1/{name}:deployModel", json={"deployedModel": deployed}).json()
        assert not begun["done"]
        assert api.deploy(name, model, "7", refused=409)["status"] == "ALREADY_EXISTS"
        assert "being-deployed" in api.ask("DELETE", name, refused=400)["message"]
        api.ask("DELETE", model, refused=400)
        assert "deployedModels" not in api.ask("GET", name)
        known = api.http.get(f"/v1/{name}/operations").json()["operations"]
        assert (known[-1]["name"], known[-1]["done"]) == (begun["name"], False)
        eventually(lambda: api.http.get(f"/ui/{begun['name']}").json()["done"])
        assert [one["id"] for one in api.ask("GET", name)["deployedModels"]] == ["7"]
        api.remove(name, "7")


def test_a_job_can_be_made_to_fail(vertex: Ground, server_image: str, faults: Path) -> None:
    """Protects: a job fails for the reason given, before anything of it runs."""
    api = Api(vertex, server_image)
    with api.http:
        ask(faults, "custom_job", "run", "customJobs", 'reason = "stockout"')
        pool = {"machineSpec": {"machineType": "n1-standard-4"}, "containerSpec": {"imageUri": server_image}}
        made = api.ask("POST", f"{PLACE}/customJobs", {"displayName": "x", "jobSpec": {"workerPoolSpecs": [pool]}})
        eventually(lambda: api.ask("GET", made["name"])["state"] == "JOB_STATE_FAILED")
        assert api.ask("GET", made["name"])["error"] == {"code": 13, "message": "stockout"}


def test_a_pipeline_and_a_batch_can_be_made_to_fail(vertex: Ground, server_image: str, faults: Path) -> None:
    """Protects: they fail for the reason given, before any of their containers runs."""
    api = Api(vertex, server_image)
    pipeline = {"pipelineSpec": spec(server_image, one=("x",)), "runtimeConfig": {"gcsOutputDirectory": "gs://b/root"}}
    with api.http:
        ask(faults, "pipeline_job", "run", "pipelineJobs", 'reason = "no quota"')
        name = api.ask("POST", f"{PLACE}/pipelineJobs", pipeline)["name"]
        eventually(lambda: api.ask("GET", name)["state"] == "PIPELINE_STATE_FAILED")
        assert api.ask("GET", name)["error"] == {"code": 13, "message": "no quota"}
        ask(faults, "batch_prediction_job", "run", "batchPredictionJobs", 'reason = "no quota"')
        batch = {
            "displayName": "x",
            "model": api.model("never"),
            "dedicatedResources": {"machineSpec": {"machineType": "n1-standard-2"}},
            "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": ["gs://b/x"]}},
            "outputConfig": {"predictionsFormat": "jsonl", "gcsDestination": {"outputUriPrefix": "gs://b/out"}},
        }
        name = api.ask("POST", f"{PLACE}/batchPredictionJobs", batch)["name"]
        eventually(lambda: api.ask("GET", name)["state"] == "JOB_STATE_FAILED")
        assert api.ask("GET", name)["error"] == {"code": 13, "message": "no quota"}
