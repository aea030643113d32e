"""Endpoints on Google Cloud: nothing before a release; then endpoint, settings and deployment, wired as asked."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from components.endpoint.deployment import MUTABLE, DeployedModelArgs, deployed_id
from tests.components.configs import RELEASE, SHA256, full
from tests.components.conftest import Deploy
from tests.components.mocked import RANDOM, Declared, Made

NAME = "stile-test-gcp-flight-delays"
BUCKET = f"stile-test-gcp-data-{RANDOM}"


@pytest.fixture(scope="module")
def released(releases: Mapping[str, Declared]) -> Declared:
    return releases["gcp"]


def deployed(declared: Declared) -> Mapping[str, Any]:
    """The one model of the one deployment."""
    (model,) = declared.one("EndpointDeployment").inputs["deployedModels"]
    described: Mapping[str, Any] = model
    return described


def settings(declared: Declared) -> Made:
    """The object of variables that the serving container reads."""
    (made,) = [each for each in declared.all("bucketObject:BucketObject") if "Endpoint$" in each.urn]
    return made


def variables(declared: Declared) -> Mapping[str, str]:
    read: Mapping[str, str] = json.loads(settings(declared).inputs["content"])
    return read


def test_no_release_no_endpoint_but_alarms(first_ups: Mapping[str, Declared]) -> None:
    declared = first_ups["gcp"]
    assert [*declared.all("AiEndpoint"), *declared.all("EndpointDeployment")] == []
    assert {alarm.name for alarm in declared.all("AlertPolicy")} == {
        f"{NAME}-server-errors",
        f"{NAME}-client-errors",
        f"{NAME}-latency",
    }


def test_alarms_watch_the_endpoint_before_it_is_there(released: Declared) -> None:
    """By its id, which is known before; a count that is too much alarms, and so does none the more."""
    endpoint = released.one("AiEndpoint").inputs["name"]
    found = {}
    for alarm in released.all("AlertPolicy"):
        ((condition,),) = [[each["conditionThreshold"] for each in alarm.inputs["conditions"]]]
        assert f'resource.labels.endpoint_id = "{endpoint}"' in condition["filter"]
        assert condition["evaluationMissingData"] == "EVALUATION_MISSING_DATA_INACTIVE"
        assert alarm.inputs["notificationChannels"]
        found[alarm.name.removeprefix(f"{NAME}-")] = condition
    assert {kind: each["thresholdValue"] for kind, each in found.items()} == {
        "server-errors": 0,
        "client-errors": 49,
        "latency": 1000,
    }
    assert 'starts_with("5")' in found["server-errors"]["filter"]
    assert 'starts_with("4")' in found["client-errors"]["filter"]
    assert found["latency"]["aggregations"][0]["perSeriesAligner"] == "ALIGN_PERCENTILE_99"


def test_a_release_is_wired_through(released: Declared) -> None:
    endpoint, deployment = released.one("AiEndpoint"), released.one("EndpointDeployment")
    model = deployed(released)
    full_name = f"projects/our-project/locations/us-central1/endpoints/{endpoint.inputs['name']}"
    assert re.fullmatch(r"[1-9]\d{8}", endpoint.inputs["name"])
    assert endpoint.inputs["displayName"] == NAME
    assert deployment.inputs["endpoint"] == full_name
    assert model["model"] == f"projects/our-project/locations/us-central1/models/{NAME}@3"
    assert (model["sha256"], model["machineType"]) == (SHA256, "e2-standard-2")
    assert (model["minReplicas"], model["maxReplicas"]) == (1, 1)
    assert model["serviceAccount"] == "stile-test-gcp-serving@our-project.iam.gserviceaccount.com"
    assert deployment.inputs["trafficSplit"] == {model["id"]: 100}
    assert {endpoint.urn, settings(released).urn} <= deployment.depends_on


def test_every_key_of_a_deployment_is_the_engines(released: Declared) -> None:
    """Python's names are translated, those of inner objects too; the container's variables are left as they are."""
    spelt = {re.sub(r"_(.)", lambda found: found[1].upper(), key) for key in DeployedModelArgs.__annotations__}
    assert deployed(released).keys() == spelt
    assert set(MUTABLE) <= DeployedModelArgs.__annotations__.keys()
    assert deployed(released)["environment"] == {"STILE_SERVING_URI": f"gs://{BUCKET}/serving"}


def test_the_container_finds_its_variables_by_what_vertex_tells_it(released: Declared) -> None:
    """By AIP_ENDPOINT_ID and AIP_DEPLOYED_MODEL_ID, below the address that its version was registered with."""
    name = f"serving/{released.one('AiEndpoint').inputs['name']}/{deployed(released)['id']}.json"
    assert (settings(released).inputs["bucket"], settings(released).inputs["name"]) == (BUCKET, name)
    assert variables(released) == {
        "STILE_CLOUD": "gcp",
        "STILE_MODEL": "flight-delays",
        "STILE_USE_CASE": "flight_delays",
        "STILE_MODEL_VERSION": "3",
        "STILE_MODEL_SHA256": SHA256,
        "STILE_CAPTURE_URI": f"gs://{BUCKET}/capture/{NAME}",
        "STILE_CAPTURE_SHARE": "1",
        "STILE_CAPTURE_MASK": "",
    }


def test_a_share_of_zero_captures_nothing(deploy: Deploy) -> None:
    declared = deploy(full("gcp", release=RELEASE, endpoint={"capture": {"share": 0}}))
    assert not [name for name in variables(declared) if "CAPTURE" in name]


def test_alarms_stop_a_rollout_that_is_watched(deploy: Deploy) -> None:
    declared = deploy(full("gcp", release=RELEASE, rollout={"bake_seconds": 60, "alarms": ["latency"]}))
    rollout = declared.one("EndpointDeployment").inputs["rollout"]
    assert rollout == {"bakeSeconds": 60, "alarms": [f"projects/our-project/alertPolicies/{NAME}-latency"]}


def test_without_a_time_to_watch_nothing_is_watched(released: Declared) -> None:
    assert "rollout" not in released.one("EndpointDeployment").inputs


def test_ids_follow_content_and_only_content(deploy: Deploy, released: Declared) -> None:
    """Same release, same id; another digest or capture, another; more instances, the same, for those can change."""
    again = deploy(full("gcp", release=RELEASE))
    other = deploy(full("gcp", release=RELEASE | {"sha256": "cd" * 32}))
    captured = deploy(full("gcp", release=RELEASE, endpoint={"capture": {"share": 0.5}}))
    wider = deploy(full("gcp", release=RELEASE, endpoint={"instances": {"min": 2, "max": 4}}))
    ids = {name: deployed(each)["id"] for name, each in (("other", other), ("captured", captured))}
    assert deployed(again)["id"] == deployed(wider)["id"] == deployed(released)["id"]
    assert len({*ids.values(), deployed(released)["id"]}) == 3
    assert (deployed(wider)["minReplicas"], deployed(wider)["maxReplicas"]) == (2, 4)


def test_an_id_is_ten_digits_of_which_the_first_is_not_zero() -> None:
    ids = {deployed_id({"number": number}) for number in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"[1-9]\d{9}", each) for each in ids)
    assert deployed_id({"a": 1, "b": 2}) == deployed_id({"b": 2, "a": 1})


def test_the_endpoint_waits_for_alarms_and_permissions(released: Declared) -> None:
    waits = released.one("AiEndpoint").depends_on
    serving = [made for made in released.clouds() if made.name.startswith("stile-test-gcp-serving-access-")]
    assert len(serving) == 4  # reads, writes, pulls and logs
    assert {made.urn for made in (*released.all("AlertPolicy"), *serving)} <= waits
