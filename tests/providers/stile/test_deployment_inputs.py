"""`stile:endpoint:EndpointDeployment` without a cloud: what is refused, what is settled, what a change means."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.providers.kit.resource import Change, CheckCall, CreateCall, DiffCall, PluginError, UpdateCall
from infra.providers.kit.values import UNKNOWN
from infra.providers.stile import deployment_split as splits
from infra.providers.stile.deployment import EndpointDeployment
from infra.providers.stile.deployment_forms import endpoint_of
from tests.providers.stile.conftest import Listening
from tests.providers.stile.deployment_ground import Inputs, described

URN = "urn:pulumi:dev::demo::stile:endpoint:EndpointDeployment::flights"
PLACE = "projects/our-project/locations/us-central1"
ENDPOINT = f"{PLACE}/endpoints/123"
MODELS = [
    described("1", f"{PLACE}/models/flights@3", "three"),
    described("2", f"{PLACE}/models/flights@4", "four", serviceAccount="serving@our-project.iam.gserviceaccount.com"),
]
ASKED: Inputs = {"endpoint": ENDPOINT, "deployedModels": MODELS, "trafficSplit": {"1": 90, "2": 10}}
LIVE: Inputs = {
    **ASKED,
    "live": {one["id"]: one["model"] for one in MODELS},
    "liveSplit": ASKED["trafficSplit"],
    "reached": "done",
}
SPLITS = st.dictionaries(st.sampled_from("abcde"), st.integers(1, 100), min_size=1).map(
    lambda shares: splits.scaled(shares, 100)
)


@pytest.fixture
def deployment(plugin: Listening, monkeypatch: pytest.MonkeyPatch) -> EndpointDeployment:
    """The resource type, where nothing answers."""
    monkeypatch.setenv("STILE_GCP_ENDPOINT", "http://127.0.0.1:9")
    return EndpointDeployment(plugin)


def with_model(index: int = 0, **changes: Any) -> Inputs:
    """The inputs with another description of one model."""
    models = [{**one, **changes} if number == index else one for number, one in enumerate(MODELS)]
    return {**ASKED, "deployedModels": models}


def changes(deployment: EndpointDeployment, olds: Inputs, news: Inputs) -> dict[str, Change]:
    return dict(deployment.diff(DiffCall(URN, ENDPOINT, olds, news)).changes)


@pytest.mark.parametrize(
    ("news", "path", "words"),
    [
        ({**ASKED, "endpoint": "endpoints/1"}, "endpoint", "projects/<project>/locations/<location>/endpoints/<id>"),
        ({**ASKED, "endpoint": None}, "endpoint", "missing"),
        ({**ASKED, "surplus": 1}, "surplus", "take one of"),
        ({**ASKED, "deployedModels": []}, "deployedModels", "at least one"),
        (with_model(id="abc"), "deployedModels[0].id", "1 to 10 digits"),
        (with_model(id="0"), "deployedModels[0].id", "1 to 10 digits"),
        (with_model(1, id="1"), "deployedModels[1].id", "another model's id already"),
        (with_model(model=f"{PLACE}/models/flights@champion"), "deployedModels[0].model", "alias"),
        (with_model(model=f"{PLACE}/models/flights"), "deployedModels[0].model", "@<number>"),
        (
            with_model(model="projects/p/locations/eu/models/f@1"),
            "deployedModels[0].model",
            "register the model in us-c",
        ),
        (with_model(sha256="12"), "deployedModels[0].sha256", "64 hexadecimal digits"),
        (with_model(machineType=None), "deployedModels[0].machineType", "missing"),
        (with_model(minReplicas=0), "deployedModels[0].minReplicas", "1 or more"),
        (with_model(minReplicas=1.5), "deployedModels[0].minReplicas", "whole number"),
        (with_model(minReplicas=3), "deployedModels[0].maxReplicas", "1 is less than minReplicas, 3"),
        (with_model(serviceAccount="me"), "deployedModels[0].serviceAccount", "e-mail"),
        (with_model(environment={"A": 1}), "deployedModels[0].environment", "object of texts"),
        (with_model(gpu=1), "deployedModels[0].gpu", "take one of"),
        (
            {**ASKED, "trafficSplit": {"1": 90, "2": 9}},
            "trafficSplit",
            "adds up to 99, not to 100: change a share by +1",
        ),
        ({**ASKED, "trafficSplit": {"1": 120, "2": -20}}, "trafficSplit.2", "0 to 100"),
        ({**ASKED, "trafficSplit": {"1": 50, "7": 50}}, "trafficSplit.7", "describe it there, or take one of 1, 2"),
        ({**ASKED, "rollout": {"canaryPercent": 100}}, "rollout.canaryPercent", "1 to 99"),
        ({**ASKED, "rollout": {"bakeSeconds": 4000}}, "rollout.bakeSeconds", "0 to 3600"),
        ({**ASKED, "rollout": {"alarms": ["latency"]}}, "rollout.alarms[0]", "alertPolicies"),
        ({**ASKED, "rollout": {"canary": 1}}, "rollout.canary", "take one of"),
    ],
)
def test_what_is_wrong_is_refused_by_its_path_with_the_fix(
    deployment: EndpointDeployment, news: Inputs, path: str, words: str
) -> None:
    """Protects: nothing that Vertex AI would refuse half way is begun."""
    failures = {one.property: one.reason for one in deployment.check(CheckCall(URN, "flights", news)).failures}
    assert path in failures
    assert words in failures[path]


def test_every_problem_is_told_at_once(deployment: EndpointDeployment) -> None:
    news = {**with_model(id="x", sha256=None), "trafficSplit": {"1": 1}, "rollout": {"bakeSeconds": -1}}
    failures = deployment.check(CheckCall(URN, "flights", news)).failures
    assert {one.property for one in failures} == {
        "deployedModels[0].id",
        "deployedModels[0].sha256",
        "trafficSplit",
        "trafficSplit.1",
        "rollout.bakeSeconds",
    }


def test_what_is_left_out_is_settled(deployment: EndpointDeployment) -> None:
    """Protects: what the state holds can be compared with what is live, which has no blanks."""
    bare = {key: value for key, value in MODELS[0].items() if key != "maxReplicas"}
    more: Inputs = {"environment": {}, "displayName": None, "minReplicas": 2}
    news = {"endpoint": ENDPOINT, "deployedModels": [{**bare, **more}], "trafficSplit": {"1": 100}, "rollout": None}
    checked = deployment.check(CheckCall(URN, "flights", news))
    assert checked.failures == ()
    assert checked.inputs == {
        "endpoint": ENDPOINT,
        "deployedModels": [{**bare, "minReplicas": 2, "maxReplicas": 2}],
        "trafficSplit": {"1": 100},
    }
    split = deployment.check(CheckCall(URN, "flights", {**ASKED, "trafficSplit": {"1": 100, "2": 0}})).inputs
    assert split["trafficSplit"] == {"1": 100}


@pytest.mark.parametrize(
    "news",
    [
        {**ASKED, "endpoint": UNKNOWN},
        {**ASKED, "deployedModels": UNKNOWN},
        {**ASKED, "trafficSplit": UNKNOWN},
        {**with_model(id=UNKNOWN), "trafficSplit": UNKNOWN},
        with_model(id=UNKNOWN),
        with_model(model=UNKNOWN, sha256=UNKNOWN),
        {**ASKED, "trafficSplit": {"1": UNKNOWN, "2": 10}},
        {**ASKED, "rollout": {"alarms": [UNKNOWN], "bakeSeconds": UNKNOWN}},
        {**ASKED, "rollout": UNKNOWN},
    ],
)
def test_what_is_unknown_yet_passes_and_asks_nobody(deployment: EndpointDeployment, news: Inputs) -> None:
    """Protects: a preview of a first update; nothing answers here, so a call would fail."""
    checked = deployment.check(CheckCall(URN, "flights", news))
    assert checked.failures == ()
    made = deployment.create(CreateCall(URN, "flights", checked.inputs, preview=True))
    assert (made.id, made.outputs["reached"]) == ("", "done")
    call = UpdateCall(URN, "flights", ENDPOINT, LIVE, checked.inputs, preview=True)
    assert deployment.update(call) == made.outputs
    assert changes(deployment, LIVE, checked.inputs)


def test_a_preview_says_what_will_be_live(deployment: EndpointDeployment) -> None:
    made = deployment.create(CreateCall(URN, "flights", ASKED, preview=True))
    assert made.outputs == LIVE
    made = deployment.create(CreateCall(URN, "flights", with_model(id=UNKNOWN), preview=True))
    assert made.outputs["live"] is UNKNOWN


def test_nothing_changed_is_no_change(deployment: EndpointDeployment) -> None:
    assert changes(deployment, LIVE, ASKED) == {}
    assert changes(deployment, LIVE, {**ASKED, "deployedModels": MODELS[::-1]}) == {}


def test_changes_are_told_by_their_paths(deployment: EndpointDeployment) -> None:
    more = with_model(maxReplicas=3)
    assert changes(deployment, LIVE, more) == {"deployedModels[0].maxReplicas": Change.UPDATE}
    third = described("3", f"{PLACE}/models/flights@5", "five")
    release = {**ASKED, "deployedModels": [MODELS[0], third], "trafficSplit": {"1": 90, "3": 10}, "rollout": {}}
    assert changes(deployment, LIVE, release) == {
        "deployedModels[1]": Change.UPDATE,
        "trafficSplit": Change.UPDATE,
        "rollout": Change.ADD,
    }
    assert changes(deployment, LIVE, {**ASKED, "deployedModels": MODELS[:1], "trafficSplit": {"1": 100}}) == {
        "deployedModels[1]": Change.DELETE,
        "trafficSplit": Change.UPDATE,
    }


def test_another_endpoint_is_another_resource(deployment: EndpointDeployment) -> None:
    """Protects: there, an id may mean something else."""
    other = {**with_model(machineType="n1-standard-8"), "endpoint": f"{PLACE}/endpoints/9"}
    assert changes(deployment, LIVE, other)["endpoint"] is Change.UPDATE_REPLACE


@pytest.mark.parametrize(
    "change",
    [
        {"model": f"{PLACE}/models/flights@9"},
        {"machineType": "n1-standard-8"},
        {"serviceAccount": "other@p.iam.gserviceaccount.com"},
        {"displayName": "flights"},
    ],
)
def test_an_id_is_not_given_other_content(deployment: EndpointDeployment, change: Inputs) -> None:
    """Protects: Vertex AI changes replicas only; what else differs is refused in the preview, by path, with the fix."""
    ((key, value),) = change.items()
    with pytest.raises(PluginError, match=rf"deployedModels\[0\].{key}: 1 was deployed with .*{value}.*another id"):
        changes(deployment, LIVE, with_model(**change))


def test_a_step_that_was_reached_is_gone_on_from(deployment: EndpointDeployment) -> None:
    """Protects: after a refresh, too, which takes the engine's own note of the failure away."""
    assert changes(deployment, {**LIVE, "reached": "bake"}, ASKED) == {"reached": Change.UPDATE}


def test_a_number_of_a_project_is_taken_for_its_id() -> None:
    """Protects: the real Vertex AI answers with numbers where ids were sent; that is no change."""
    number = "projects/123456789012/locations/us-central1"
    model = {
        "id": "1",
        "model": f"{number}/models/flights",
        "modelVersionId": "3",
        "dedicatedResources": {"machineSpec": {"machineType": "n1-standard-2"}, "minReplicaCount": 1},
    }
    body = {"name": f"{number}/endpoints/123", "deployedModels": [model], "trafficSplit": {"1": 100, "2": 0}}
    found = endpoint_of(ENDPOINT, body)
    assert found.models["1"].model == f"{PLACE}/models/flights@3"
    assert found.models["1"].replicas == (1, 1)
    assert found.split == {"1": 100}


@given(SPLITS, SPLITS, st.integers(1, 99))
def test_every_split_on_the_way_is_a_hundred(before: dict[str, int], asked: dict[str, int], percent: int) -> None:
    """Protects: whatever the shares and the rounding, the canary's part is the percent asked for."""
    found = splits.canary(before, asked, percent)
    fresh = asked.keys() - before.keys()
    if found is None:
        assert sum(asked[id_] for id_ in fresh) <= percent
    else:
        assert sum(found.values()) == 100
        assert sum(found.get(id_, 0) for id_ in fresh) == percent
    for leaving in before:
        left = splits.without(before, leaving)
        assert sum(left.values()) == (100 if len(before) > 1 else 0)


def test_shares_keep_their_proportions() -> None:
    assert splits.canary({"1": 90, "2": 10}, {"3": 60, "4": 40}, 10) == {"1": 81, "2": 9, "3": 6, "4": 4}
    assert splits.canary({"1": 100}, {"1": 90, "2": 10}, 10) is None
    assert splits.scaled({"a": 1, "b": 1, "c": 1}, 100) == {"a": 34, "b": 33, "c": 33}


def test_the_way_back_is_where_traffic_was_before_the_first_attempt() -> None:
    """Protects: a canary that an earlier attempt left is not taken for what was before."""
    old, new = {"1": 90, "2": 10}, {"3": 100}
    all_ids = {"1", "2", "3"}
    assert splits.before(old, new, {"3"}, {}, all_ids) == old
    assert splits.before({"1": 81, "2": 9, "3": 10}, new, {"3"}, old, all_ids) == old
    assert splits.before({"1": 81, "2": 9, "3": 10}, new, {"3"}, {}, all_ids) == old
    assert splits.before(new, new, {"3"}, old, {"3", "2"}) == {}
    assert splits.before({}, new, {"3"}, {}, set()) == {}
