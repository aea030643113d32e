"""`stile:endpoint:EndpointDeployment` on the local Vertex AI: what is live is what was asked, or what was before."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from infra.providers.kit.resource import (
    Cancelled,
    Change,
    CreateCall,
    DeleteCall,
    DiffCall,
    Found,
    InitFailed,
    PluginError,
    ReadCall,
    UpdateCall,
)
from infra.providers.stile.deployment import EndpointDeployment
from tests.localcloud.gcp.vertex.ground import eventually
from tests.providers.stile.conftest import Listening
from tests.providers.stile.deployment_ground import MACHINE, Inputs, Place, described, digest, never_broken

URN = "urn:pulumi:dev::demo::stile:endpoint:EndpointDeployment::flights"
PAIR = {"1": 90, "2": 10}
CLIENTS = 2


@dataclass
class One:
    """An endpoint, its resource, and versions to deploy."""

    place: Place
    deployment: EndpointDeployment
    endpoint: str
    versions: dict[str, str]

    def asked(self, split: dict[str, int], *others: str, rollout: Inputs | None = None, **more: Any) -> Inputs:
        """Ask for a split of versions whose ids are their words, and for others without traffic."""
        models = [described(id_, self.versions[id_], id_, **more) for id_ in (*split, *others)]
        inputs = {"endpoint": self.endpoint, "deployedModels": models, "trafficSplit": split}
        return {**inputs, **({"rollout": rollout} if rollout else {})}

    def create(self, inputs: Inputs, **more: Any) -> Inputs:
        made = self.deployment.create(CreateCall(URN, "flights", inputs, **more))
        assert made.id == self.endpoint
        return made.outputs

    def update(self, olds: Inputs, inputs: Inputs, **more: Any) -> Inputs:
        return self.deployment.update(UpdateCall(URN, "flights", self.endpoint, olds, inputs, **more))

    def read(self, inputs: Inputs, outputs: Inputs) -> Found | None:
        return self.deployment.read(ReadCall(URN, "flights", self.endpoint, inputs, outputs))

    def delete(self) -> None:
        self.deployment.delete(DeleteCall(URN, "flights", self.endpoint, {}))

    def live(self) -> tuple[set[str], dict[str, int]]:
        """The ids that are deployed, and the split."""
        models, split = self.place.live(self.endpoint)
        return set(models), split

    def deploy(self, id_: str, split: dict[str, int] | None = None, machine: str = MACHINE) -> None:
        """Deploy as somebody else would."""
        resources = {"machineSpec": {"machineType": machine}, "minReplicaCount": 1}
        body = {"deployedModel": {"id": id_, "model": self.versions[id_], "dedicatedResources": resources}}
        more = {"trafficSplit": split} if split else {}
        assert "response" in self.place.ask("POST", f"v1/{self.endpoint}:deployModel", {**body, **more})

    def shift(self, split: dict[str, int]) -> None:
        """Shift traffic as somebody else would."""
        self.place.ask("PATCH", f"v1/{self.endpoint}", {"trafficSplit": split}, updateMask="trafficSplit")


@pytest.fixture(scope="module")
def versions(place: Place) -> dict[str, str]:
    """Versions by the ids under which they are deployed; what is served under 9 breaks."""
    return {id_: place.version(id_, **({"BROKEN": "1"} if id_ == "9" else {"OWN": "set"})) for id_ in "1234569"}


@pytest.fixture
def one(place: Place, versions: dict[str, str], plugin: Listening, monkeypatch: pytest.MonkeyPatch) -> Iterator[One]:
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    made = One(place, EndpointDeployment(plugin), place.endpoint(), versions)
    yield made
    plugin.cancelled.clear()
    place.fail(made.endpoint, "", "")
    made.delete()
    found = made.read({}, {})
    assert found is None or found.outputs["live"] == {}


@pytest.fixture
def answers(one: One) -> Iterator[Callable[[], Counter[str]]]:
    """Ask the endpoint all the time, by two clients; gives how often each model answered, or what was refused."""
    seen: Counter[str] = Counter()
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=one.place.http.base_url, trust_env=False, timeout=60) as http:
            while not over.is_set():
                answer = http.post(f"/v1/{one.endpoint}:predict", json={"instances": [1]})
                seen[answer.json()["predictions"][0] if answer.is_success else answer.text] += 1

    with ThreadPoolExecutor(CLIENTS) as pool:
        asking: list[Any] = []

        def begun() -> Counter[str]:
            asking[:] = asking or [pool.submit(ask) for _ in range(CLIENTS)]
            before = seen.total()
            eventually(lambda: seen.total() >= before + 2 * CLIENTS)
            return seen

        yield begun
        over.set()
        for each in asking:
            each.result()


def test_a_first_release_serves_what_was_asked(one: One) -> None:
    """Protects: 90/10 from the first moment on that the resource is there; and each answers."""
    asked = one.asked(PAIR, "3", environment={"OWN": "set"})
    outputs = one.create(asked)
    assert one.live() == ({"1", "2", "3"}, PAIR)
    live = {id_: one.versions[id_] for id_ in "123"}
    assert outputs == {**asked, "live": live, "liveSplit": PAIR, "reached": "done"}
    assert eventually(lambda: one.place.predict(one.endpoint) == "2")
    assert never_broken(one.place.history(one.endpoint))
    assert one.update(outputs, asked) == outputs


def test_a_first_release_that_breaks_half_way_is_kept_and_gone_on_with(one: One) -> None:
    """Protects: what serves goes on serving, the state knows of it, and the next update finishes the release."""
    with pytest.raises(
        InitFailed, match=r"exit code 9.*Nothing served before.*At step deploy.*live is .* as 1 at 100%"
    ) as failed:
        one.create(one.asked({"1": 90, "9": 10}))
    assert (failed.value.id, failed.value.outputs["liveSplit"]) == (one.endpoint, {"1": 100})
    assert one.update(failed.value.outputs, one.asked(PAIR))["liveSplit"] == PAIR
    assert never_broken(one.place.history(one.endpoint))


def test_what_an_endpoint_serves_already_is_taken_over(one: One) -> None:
    """Protects: equal ones are kept and not deployed anew, others go once they have no traffic."""
    one.deploy("1", {"0": 100})
    one.deploy("4")
    outputs = one.create(one.asked(PAIR))
    assert one.live() == ({"1", "2"}, PAIR)
    assert never_broken(history := one.place.history(one.endpoint))
    assert [models for models, _ in history[3:]] == [["1", "4", "2"], ["1", "4", "2"], ["1", "2"]]
    assert outputs["reached"] == "done"


def test_an_id_that_has_other_content_is_refused_and_touched_by_nobody(one: One) -> None:
    one.deploy("1", {"0": 100}, machine="n1-standard-8")
    with pytest.raises(
        PluginError, match=r"deployedModels\[0\].machineType: 1 .*n1-standard-8.*n1-standard-2.*another"
    ):
        one.create(one.asked(PAIR))
    assert one.live() == ({"1"}, {"1": 100})


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"sha256": digest("other")}, rf"\[1\].sha256: asked for {digest('other')}, and .*@1 says {digest('2')}"),
        ({"environment": {"OWN": "else"}}, r"\[1\].environment.OWN: asked for 'else', and .* has 'set'; .*register"),
        ({"model": "projects/stile-local/locations/us-central1/models/1@7"}, r"\[1\].model: there is no version .*@7"),
    ],
)
def test_another_version_than_was_meant_is_refused_before_anything_is_deployed(
    one: One, wrong: Inputs, words: str
) -> None:
    """Protects: a digest that differs never serves."""
    asked = one.asked(PAIR)
    asked["deployedModels"][1] |= wrong
    with pytest.raises(PluginError, match=words):
        one.create(asked)
    assert one.live() == (set(), {})


def test_no_endpoint_is_an_error_at_create_and_gone_at_read(one: One) -> None:
    asked = {**one.asked(PAIR), "endpoint": f"{one.endpoint}1"}
    with pytest.raises(PluginError, match="there is no endpoint"):
        one.deployment.create(CreateCall(URN, "flights", asked))
    assert one.deployment.read(ReadCall(URN, "flights", f"{one.endpoint}1", asked, asked)) is None
    one.deployment.delete(DeleteCall(URN, "flights", f"{one.endpoint}1", {}))


def test_replicas_change_in_place(one: One) -> None:
    """Protects: more before the traffic comes, fewer once it is gone; nothing is deployed anew."""
    outputs = one.create(one.asked({"1": 100}, minReplicas=2, maxReplicas=2))
    asked = one.asked({"1": 100}, minReplicas=1, maxReplicas=4)
    assert one.deployment.diff(DiffCall(URN, one.endpoint, outputs, asked)).changes.keys() == {
        "deployedModels[0].minReplicas",
        "deployedModels[0].maxReplicas",
    }
    assert one.update(outputs, asked)["deployedModels"] == asked["deployedModels"]
    seen = [
        (of["dedicatedResources"]["minReplicaCount"], of["dedicatedResources"]["maxReplicaCount"])
        for entry in one.place.ground.journal(one.endpoint)
        for of in entry["changed"].get("deployedModels") or ()
    ]
    assert seen == [(2, 2), (2, 4), (1, 4)]


def test_an_alarm_in_the_bake_time_takes_the_traffic_back(one: One, place: Place) -> None:
    """Protects: the old pair serves again, the new one is gone, and the error says which alarm, what is live, where."""
    metric = place.ground.gcp.name("bake")
    rollout = {"canaryPercent": 10, "bakeSeconds": 3600, "alarms": [place.alarm(metric)]}
    outputs = one.create(one.asked(PAIR))
    canary = {"1": 81, "2": 9, "3": 10}
    with ThreadPoolExecutor(1) as pool:
        updating = pool.submit(one.update, outputs, one.asked({"3": 100}, rollout=rollout))
        eventually(lambda: one.live()[1] == canary)
        place.ring(metric)
        with pytest.raises(InitFailed, match="went off in the bake time") as failed:
            updating.result()
    said = str(failed.value)
    assert metric in said
    assert "Traffic is back at 1: 90%, 2: 10%" in said
    assert f"At step bake: asked for {one.versions['3']} as 3 at 100%; live is {one.versions['1']} as 1 at 90%" in said
    assert one.live() == ({"1", "2"}, PAIR)
    kept = failed.value.outputs
    assert (kept["reached"], kept["liveSplit"], kept["live"].keys()) == ("bake", PAIR, {"1", "2"})
    with pytest.raises(PluginError, match=r"open incident before anything was begun.*leave the policy out"):
        one.update(kept, one.asked({"3": 100}, rollout=rollout))
    assert one.live() == ({"1", "2"}, PAIR)
    assert never_broken(one.place.history(one.endpoint))


def test_a_container_that_crashes_costs_no_request(one: One, answers: Callable[[], Counter[str]]) -> None:
    """Protects: the old one serves on while the new one fails, and the error has its container's last words."""
    outputs = one.create(one.asked({"1": 100}))
    answers()
    with pytest.raises(InitFailed, match=r"exit code 9.*the model is broken.*At step deploy.*live is .* as 1 at 100%"):
        one.update(outputs, one.asked({"9": 100}))
    assert set(answers()) == {"1"}
    assert one.live() == ({"1"}, {"1": 100})


def test_a_release_under_load_loses_no_request(one: One, answers: Callable[[], Counter[str]]) -> None:
    """Protects: deploy, shift and undeploy are never seen by who asks, but for who answers."""
    outputs = one.create(one.asked({"1": 100}))
    answers()
    one.update(outputs, one.asked({"2": 100}, rollout={"canaryPercent": 50, "bakeSeconds": 1}))
    assert set(answers()) == {"1", "2"}


def test_somebody_elses_shift_in_between_is_refused(one: One, place: Place) -> None:
    """Protects: two who shift do not overwrite each other; the etag tells."""
    outputs = one.create(one.asked(PAIR))
    rollout = {"canaryPercent": 10, "bakeSeconds": 2}
    with ThreadPoolExecutor(1) as pool:
        updating = pool.submit(one.update, outputs, one.asked({"3": 100}, rollout=rollout))
        eventually(lambda: "3" in one.live()[1])
        one.shift({"1": 100})
        with pytest.raises(InitFailed, match=r"somebody else changed .*left with models 1, 2, 3 at .*3: 10%") as failed:
            updating.result()
    assert one.live() == ({"1", "2", "3"}, {"1": 100})
    assert failed.value.outputs["liveSplit"] == {"1": 100}
    assert one.update(failed.value.outputs, one.asked({"3": 100}))["live"].keys() == {"3"}


def test_another_change_of_the_endpoint_in_between_does_no_harm(one: One) -> None:
    """Protects: a label that the endpoint's own resource changes at the same time is no quarrel."""
    outputs = one.create(one.asked({"1": 100}))
    with ThreadPoolExecutor(1) as pool:
        rollout = {"canaryPercent": 10, "bakeSeconds": 1}
        updating = pool.submit(one.update, outputs, one.asked({"2": 100}, rollout=rollout))
        eventually(lambda: "2" in one.live()[1])
        one.place.ask("PATCH", f"v1/{one.endpoint}", {"labels": {"a": "b"}}, updateMask="labels")
        assert updating.result()["liveSplit"] == {"2": 100}


def test_a_stop_leaves_what_was_reached_for_the_next_update(one: One, plugin: Listening) -> None:
    """Protects: Ctrl-C in the bake time ends at once, and is gone on from."""
    outputs = one.create(one.asked(PAIR))
    asked = one.asked({"3": 100}, rollout={"canaryPercent": 10, "bakeSeconds": 3600})
    with ThreadPoolExecutor(1) as pool:
        updating = pool.submit(one.update, outputs, asked)
        eventually(lambda: "3" in one.live()[1])
        plugin.cancelled.set()
        with pytest.raises(InitFailed, match="stopped before the end of the bake time") as failed:
            updating.result()
    plugin.cancelled.clear()
    assert isinstance(failed.value.__cause__, Cancelled)
    kept = failed.value.outputs
    assert (kept["reached"], kept["liveSplit"]) == ("bake", {"1": 81, "2": 9, "3": 10})
    assert one.update(kept, one.asked({"3": 100}))["live"].keys() == {"3"}


def test_a_deployment_that_takes_too_long_goes_on_and_is_waited_for(one: One, place: Place) -> None:
    """Protects: custom_timeouts bounds the waiting, and nothing is deployed twice."""
    outputs = one.create(one.asked({"1": 100}))
    name = f"{one.endpoint}/2"
    fault = f'[[fault]]\nmachine = "deployment"\naction = "deploy"\nname = "{name}"\ndelay_seconds = 6\n'
    place.faults.write_text(fault)
    with pytest.raises(InitFailed, match=r"3 seconds were over before the end of .* as 2;.*custom_timeouts") as failed:
        one.update(outputs, one.asked({"2": 100}), timeout_seconds=3)
    assert failed.value.outputs["live"].keys() == {"1"}
    assert one.update(failed.value.outputs, one.asked({"2": 100}))["live"].keys() == {"2"}


def test_what_changed_out_of_band_is_read_and_healed(one: One) -> None:
    """Protects: a shifted split, and a model that was undeployed, show as differences; the next update mends them."""
    asked = one.asked(PAIR)
    outputs = one.create(asked)
    found = one.read(asked, outputs)
    assert found == Found(one.endpoint, outputs, asked)
    one.shift({"1": 50, "2": 50})
    assert (found := one.read(asked, outputs)) is not None
    assert one.deployment.diff(DiffCall(URN, one.endpoint, found.outputs, asked)).changes == {
        "trafficSplit": Change.UPDATE
    }
    body = {"deployedModelId": "2", "trafficSplit": {"1": 100}}
    one.place.ask("POST", f"v1/{one.endpoint}:undeployModel", body)
    one.deploy("5")
    assert (found := one.read(asked, outputs)) is not None
    assert [each["id"] for each in found.inputs["deployedModels"]] == ["1", "5"]
    assert found.inputs["deployedModels"][1]["sha256"] == digest("5")
    assert one.deployment.diff(DiffCall(URN, one.endpoint, found.outputs, asked)).changes == {
        "deployedModels[1]": Change.UPDATE,
        "trafficSplit": Change.UPDATE,
    }
    assert one.update(found.outputs, asked) == outputs
    assert one.live() == ({"1", "2"}, PAIR)


def test_an_import_reads_what_is_served(one: One) -> None:
    """Protects: an endpoint that somebody filled by hand comes under this resource without a change."""
    asked = one.asked(PAIR)
    one.create(asked)
    found = one.read({}, {})
    assert found is not None
    names = [{**each, "displayName": each["id"]} for each in asked["deployedModels"]]
    assert found.inputs == {**asked, "deployedModels": names}
    assert found.outputs["reached"] == "done"
    assert one.deployment.diff(DiffCall(URN, one.endpoint, found.outputs, asked)).changes == {}


def test_a_deletion_goes_in_order_and_leaves_the_endpoint(one: One, place: Place) -> None:
    """Protects: at 90/10 with a model that has no traffic: that one first, the one with most traffic last.

    By hand, an endpoint that serves is refused its deletion, and a model with traffic its undeployment.
    """
    one.create(one.asked(PAIR, "3"))
    refused = place.ask("DELETE", f"v1/{one.endpoint}", refused=400)
    assert refused["status"] == "FAILED_PRECONDITION"
    assert "has deployed or being-deployed DeployedModel(s): 1, 2, 3" in refused["message"]
    refused = place.ask("POST", f"v1/{one.endpoint}:undeployModel", {"deployedModelId": "2"}, refused=400)
    assert refused["status"] == "FAILED_PRECONDITION"
    one.delete()
    assert place.history(one.endpoint)[-3:] == [(["1", "2"], PAIR), (["1"], {"1": 100}), ([], {})]
    one.delete()
    place.ask("DELETE", f"v1/{one.endpoint}")
    one.delete()
