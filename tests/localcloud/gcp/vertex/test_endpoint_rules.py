"""What Vertex AI allows at an endpoint and what it refuses, by its REST API, and what the journal has of it."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest

from tests.localcloud.gcp.cloud import PLACE
from tests.localcloud.gcp.vertex.ground import Ground, eventually

RESOURCES = {"machineSpec": {"machineType": "n1-standard-2"}, "minReplicaCount": 1}


class Api:
    """Vertex AI's REST API, as curl speaks it.

    Args:
        vertex: the place.
        image: serves a model of one word.

    Attributes:
        own: an argument that only this one's model servers are given: other tests' run at the same time.
    """

    def __init__(self, vertex: Ground, image: str) -> None:
        self.vertex, self.image, self.own = vertex, image, f"own-{uuid4().hex}"
        self.http = httpx.Client(base_url=vertex.gcp.cloud.endpoint_url, trust_env=False, timeout=60)

    def ask(self, verb: str, name: str, body: Any = None, *, refused: int | None = None, **query: str) -> Any:
        """Send a request; its operation, if it began one, is waited for."""
        answer = self.http.request(verb, f"/v1/{name}", json=body, params=query)
        found = answer.json()
        assert answer.status_code == (refused or 200), found
        if refused:
            return found["error"]
        if "/operations/" not in found.get("name", ""):
            return found
        return eventually(lambda: self._done(found["name"]))

    def _done(self, operation: str) -> Any:
        found = self.http.get(f"/ui/{operation}").json()
        return found if found["done"] else None

    def model(self, word: str, **more: Any) -> str:
        """Upload a model and return its name."""
        container = {"imageUri": self.image, "args": ["--word", "$(OWN)"], "env": [{"name": "OWN", "value": self.own}]}
        artifact = self.vertex.model(word, **more)
        body = {"model": {"displayName": word, "containerSpec": container, "artifactUri": artifact}}
        name: str = self.ask("POST", f"{PLACE}/models:upload", body)["response"]["model"]
        return name

    def endpoint(self, *words: str) -> str:
        """Make an endpoint with deployed models 1, 2, ..., of which the first gets everything."""
        made = self.ask("POST", f"{PLACE}/endpoints", {"displayName": "rules"})
        name: str = made["response"]["name"]
        for number, word in enumerate(words, 1):
            split = {"0": 100} if number == 1 else None
            assert "response" in self.deploy(name, self.model(word), str(number), split)
        return name

    def deploy(self, endpoint: str, model: str, id_: str, split: Any = None, **more: Any) -> Any:
        """Deploy a model."""
        deployed = {"id": id_, "model": model, "dedicatedResources": RESOURCES}
        body = {"deployedModel": deployed, **({"trafficSplit": split} if split else {})}
        return self.ask("POST", f"{endpoint}:deployModel", body, **more)

    def undeploy(self, endpoint: str, id_: str, split: Any = None, **more: Any) -> Any:
        """Undeploy a model."""
        body = {"deployedModelId": id_, **({"trafficSplit": split} if split else {})}
        return self.ask("POST", f"{endpoint}:undeployModel", body, **more)

    def remove(self, endpoint: str, *ids: str) -> None:
        """Undeploy everything and delete the endpoint."""
        self.ask("PATCH", endpoint, {"trafficSplit": {}}, updateMask="trafficSplit")
        for one in ids:
            assert "response" in self.undeploy(endpoint, one)
        assert "response" in self.ask("DELETE", endpoint)

    def predict(self, endpoint: str, *instances: Any, **more: Any) -> Any:
        """Ask for predictions."""
        return self.ask("POST", f"{endpoint}:predict", {"instances": list(instances)}, **more)


@pytest.fixture(scope="module")
def api(vertex: Ground, server_image: str) -> Iterator[Api]:
    made = Api(vertex, server_image)
    with made.http:
        yield made


def servers(api: Api) -> list[psutil.Process]:
    """The processes of an API's model servers."""
    return [one for one in psutil.process_iter(["cmdline"]) if api.own in (one.info["cmdline"] or ())]


def test_a_split_is_whole_and_names_what_is_deployed(api: Api) -> None:
    """Protects: no split other than 100, none of an unknown model, neither by deployment nor by update."""
    name, model = api.endpoint("one", "two"), api.model("three")
    for split in ({"0": 50}, {"0": 60, "1": 60}, {"0": 50, "9": 50}, {"0": 110, "1": -10}):
        assert api.deploy(name, model, "3", split, refused=400)["status"] == "INVALID_ARGUMENT"
    for split in ({"1": 90}, {"1": 50, "3": 50}, {"0": 100}):
        body = {"trafficSplit": split}
        assert "raffic" in api.ask("PATCH", name, body, updateMask="trafficSplit", refused=400)["message"]
    changed = api.ask("PATCH", name, {"trafficSplit": {"1": 70, "2": 30}}, updateMask="trafficSplit")
    assert changed["trafficSplit"] == {"1": 70, "2": 30}
    assert "it can be undeployed only without traffic" in api.undeploy(name, "2", refused=400)["message"]
    api.undeploy(name, "2", {"1": 100})
    splits = [one["changed"]["trafficSplit"] for one in api.vertex.journal(name) if "trafficSplit" in one["changed"]]
    assert splits == [{"1": 100}, {"1": 70, "2": 30}, {"1": 100}]
    api.remove(name, "1")


def test_an_endpoint_with_models_is_not_deleted_nor_is_a_deployed_model(api: Api) -> None:
    """Protects: Google's order of a teardown: undeploy, then delete."""
    name = api.endpoint("kept")
    error = api.ask("DELETE", name, refused=400)
    assert (error["status"], "Undeploy them" in error["message"]) == ("FAILED_PRECONDITION", True)
    model = api.ask("GET", name)["deployedModels"][0]["model"].partition("@")[0]
    assert api.ask("DELETE", model, refused=400)["status"] == "FAILED_PRECONDITION"
    assert api.ask("GET", model)["deployedModels"] == [{"endpoint": name, "deployedModelId": "1"}]
    api.undeploy(name, "1")  # the last one may go with its traffic
    assert "trafficSplit" not in api.ask("GET", name)
    api.ask("DELETE", name)
    api.ask("DELETE", model)
    api.ask("GET", name, refused=404)
    api.ask("GET", model, refused=404)


def test_a_deployed_model_is_a_server_of_its_own(api: Api) -> None:
    """Protects: the container's contract, and that its process goes with the deployment."""
    name = api.endpoint("mine")
    (seen,) = api.predict(name, "hello")["predictions"]
    assert (seen["word"], seen["own"], seen["args"], seen["got"]) == ("mine", api.own, ["--word", api.own], "hello")
    assert seen["path"] == f"/v1/endpoints/{name.rpartition('/')[2]}/deployedModels/1:predict"
    assert seen["account"] == "custom-online-prediction@caip-tenant.iam.gserviceaccount.com"
    number = name.rpartition("/")[2]
    said = api.vertex.logs(f'resource.labels.endpoint_id="{number}"')
    assert said == [f"serving mine with ['--word', '{api.own}']"]
    assert servers(api)
    api.remove(name, "1")
    assert servers(api) == []


def test_a_model_that_does_not_get_healthy_is_not_deployed(api: Api) -> None:
    """Protects: the operation fails, naming the exit code, and the endpoint is as it was before."""
    name = api.endpoint("good")
    before = api.ask("GET", name)
    failed = api.deploy(name, api.model("bad", broken=True), "2", {"0": 10, "1": 90})
    assert failed["error"]["code"] == 9
    assert "Model server exited unexpectedly: exit code 9" in failed["error"]["message"]
    assert api.ask("GET", name) == before
    api.remove(name, "1")


def test_ids_are_the_clients_or_made(api: Api) -> None:
    """Protects: an id is given once, of 1 to 10 digits; a second one is a conflict, as is one under way."""
    name, model = api.endpoint("first"), api.model("other")
    assert api.deploy(name, model, "1", refused=409)["status"] == "ALREADY_EXISTS"
    for wrong in ("12345678901", "x", "0"):
        assert api.deploy(name, model, wrong, refused=400)["status"] == "INVALID_ARGUMENT"
    without = {"model": model, "dedicatedResources": {**RESOURCES, "minReplicaCount": 0}}
    assert "at least 1" in api.ask("POST", f"{name}:deployModel", {"deployedModel": without}, refused=400)["message"]
    without["dedicatedResources"] = RESOURCES
    made = api.ask("POST", f"{name}:deployModel", {"deployedModel": without})["response"]["deployedModel"]
    assert made["id"].isdigit()
    assert (made["modelVersionId"], made["model"]) == ("1", f"{model}@1")
    api.remove(name, made["id"], "1")


def test_replicas_are_changed_and_nothing_else(api: Api) -> None:
    """Protects: mutateDeployedModel changes the numbers of replicas, and refuses what Vertex cannot change."""
    name = api.endpoint("grows")
    fresh = {"id": "1", "dedicatedResources": {**RESOURCES, "minReplicaCount": 2, "maxReplicaCount": 4}}
    mask = "dedicatedResources.minReplicaCount,dedicatedResources.maxReplicaCount"
    done = api.ask("POST", f"{name}:mutateDeployedModel", {"deployedModel": fresh, "updateMask": mask})
    assert done["response"]["deployedModel"]["dedicatedResources"]["maxReplicaCount"] == 4
    wrong = {"deployedModel": fresh, "updateMask": "serviceAccount"}
    assert "cannot be mutated" in api.ask("POST", f"{name}:mutateDeployedModel", wrong, refused=400)["message"]
    api.remove(name, "1")


def test_refusals_of_the_model_reach_the_caller(api: Api) -> None:
    """Protects: a container's 4xx and 5xx keep their words, under their status or the nearest of Google's."""
    name = api.endpoint("refuses")
    for status, word in ((400, "INVALID_ARGUMENT"), (404, "NOT_FOUND"), (422, "INVALID_ARGUMENT")):
        error = api.predict(name, {"status": status}, refused=400 if status == 422 else status)
        assert (error["status"], error["message"]) == (word, "the model refuses")
    assert api.predict(name, {"status": 503}, refused=503)["message"] == "the model refuses"
    api.remove(name, "1")
    empty = api.endpoint()
    assert api.predict(empty, "x", refused=400)["status"] == "FAILED_PRECONDITION"
    api.remove(empty)


def test_a_raw_prediction_is_passed_on_as_it_is(api: Api) -> None:
    """Protects: rawPredict sends the body through and names endpoint and deployed model in headers."""
    name = api.endpoint("raw")
    body = json.dumps({"instances": ["as it is"], "more": 1})
    answer = api.http.post(f"/v1/{name}:rawPredict", content=body, headers={"Content-Type": "application/json"})
    assert answer.json()["predictions"][0]["got"] == "as it is"
    assert answer.headers["X-Vertex-AI-Endpoint-Id"] == name.rpartition("/")[2]
    assert answer.headers["X-Vertex-AI-Deployed-Model-Id"] == "1"
    api.remove(name, "1")


def test_an_undeployment_loses_no_request(api: Api) -> None:
    """Protects: what a leaving model was asked is answered by it."""
    name = api.endpoint("leaves", "stays")
    began = threading.Event()

    def slow() -> Any:
        began.set()
        return api.predict(name, "slow")["predictions"][0]["word"]

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(slow)
        began.wait()
        api.undeploy(name, "1", {"2": 100})
        assert asked.result() in ("leaves", "stays")
    assert api.predict(name, "x")["predictions"][0]["word"] == "stays"
    api.remove(name, "2")


def test_a_server_that_dies_is_started_again(api: Api) -> None:
    """Protects: a crash is answered with an error, and the endpoint serves again by itself."""
    name = api.endpoint("phoenix")
    api.predict(name, "die", refused=500)

    def again() -> httpx.Response | None:
        answer = api.http.post(f"/v1/{name}:predict", json={"instances": [1]})
        return answer if answer.is_success else None

    answer = eventually(again)
    assert answer.json()["predictions"][0]["word"] == "phoenix"
    api.remove(name, "1")


def test_a_served_model_is_what_was_uploaded(api: Api) -> None:
    """Protects: files that change after the upload change no version."""
    model = api.model("before")
    folder = api.ask("GET", model)["artifactUri"].partition("/")[2].partition("/")[2].partition("/")[2]
    api.vertex.put(f"{folder}/model.json", json.dumps({"word": "after"}))
    name = api.endpoint()
    api.deploy(name, model, "1", {"0": 100})
    assert api.predict(name, 1)["predictions"][0]["word"] == "before"
    api.remove(name, "1")
