"""Cloud Scheduler's jobs fire when they are due, by a clock that may be moved, and say how it went."""

import base64
import itertools
import json
from typing import Any

import pytest

from tests.localcloud.gcp.cloud import google_refusal
from tests.localcloud.gcp.serving import PLACE, PROJECT, Served

_COUNT = itertools.count()
DAY_SECONDS = 86400


@pytest.fixture
def subscription(gcp: Served) -> str:
    """A subscription of the topic `ticks`."""
    gcp.http.put(f"/v1/{PROJECT}/topics/ticks", json={})
    name = f"{PROJECT}/subscriptions/ticks-{next(_COUNT)}"
    assert gcp.http.put(f"/v1/{name}", json={"topic": f"{PROJECT}/topics/ticks"}).status_code == 200
    return name


@pytest.fixture
def jobs(gcp: Served) -> Any:
    return gcp.client("cloudscheduler", "v1").projects().locations().jobs()


def scheduled(jobs: Any, schedule: str = "0 3 * * *", **target: Any) -> str:
    """Make a job."""
    name = f"{PLACE}/jobs/job-{next(_COUNT)}"
    body = {"name": name, "schedule": schedule, **target}
    made: str = jobs.create(parent=PLACE, body=body).execute()["name"]
    return made


def ticks(gcp: Served, subscription: str, count: int) -> list[str]:
    """Pull messages until there are so many."""
    found: list[str] = []
    while len(found) < count:
        answer = gcp.http.post(f"/v1/{subscription}:pull", json={"maxMessages": 10}).json()
        assert answer, f"{len(found)} messages instead of {count}"
        acks = [one["ackId"] for one in answer["receivedMessages"]]
        gcp.http.post(f"/v1/{subscription}:acknowledge", json={"ackIds": acks})
        found += [base64.b64decode(one["message"]["data"]).decode() for one in answer["receivedMessages"]]
    return found


def to_topic(text: str) -> dict[str, Any]:
    """Return the target of a message."""
    return {"pubsubTarget": {"topicName": f"{PROJECT}/topics/ticks", "data": base64.b64encode(text.encode()).decode()}}


def test_a_job_fires_each_time_it_is_due(gcp: Served, jobs: Any, subscription: str) -> None:
    """Protects: moved by two days, a daily job has fired twice; paused, it does not; resumed, it waits for its time."""
    name = scheduled(jobs, **to_topic("tick"))
    before = jobs.get(name=name).execute()
    assert (before["state"], before["timeZone"]) == ("ENABLED", "Etc/UTC")
    gcp.http.post("/_stile/clock", json={"advance_seconds": 2 * DAY_SECONDS})
    assert ticks(gcp, subscription, 2) == ["tick", "tick"]
    assert jobs.pause(name=name, body={}).execute()["state"] == "PAUSED"
    other = scheduled(jobs, **to_topic("other"))
    gcp.http.post("/_stile/clock", json={"advance_seconds": DAY_SECONDS})
    assert ticks(gcp, subscription, 1) == ["other"]
    after = jobs.resume(name=name, body={}).execute()
    assert after["scheduleTime"] > before["scheduleTime"]
    for one in (name, other):
        jobs.delete(name=one).execute()


def test_a_job_calls_an_api_as_its_service_account(gcp: Served, jobs: Any) -> None:
    """Protects: a schedule of Vertex pipelines: an address of Google's is this cloud, the token is the account's."""
    account = gcp.http.post(f"/v1/{PROJECT}/serviceAccounts", json={"accountId": "runner"}).json()["email"]
    uri = f"https://us-central1-aiplatform.googleapis.com/v1/{PLACE}/metadataStores?metadataStoreId=by-schedule"
    body = base64.b64encode(json.dumps({"description": "scheduled"}).encode()).decode()
    target = {"uri": uri, "httpMethod": "POST", "body": body, "oauthToken": {"serviceAccountEmail": account}}
    name = scheduled(jobs, httpTarget=target)
    refused = jobs.run(name=name, body={}).execute()["status"]
    assert (refused["code"], "aiplatform.metadataStores.create" in refused["message"]) == (7, True)
    policy = {"bindings": [{"role": "roles/aiplatform.user", "members": [f"serviceAccount:{account}"]}]}
    gcp.http.post("/v1/projects/stile-local:setIamPolicy", json={"policy": policy})
    ran = jobs.run(name=name, body={}).execute()
    assert (ran["status"], "lastAttemptTime" in ran) == ({}, True)
    assert gcp.http.get(f"/v1/{PLACE}/metadataStores/by-schedule").json()["description"] == "scheduled"
    again = jobs.run(name=name, body={}).execute()
    assert again["status"]["code"] == 6
    jobs.delete(name=name).execute()


def test_nothing_leaves_the_machine(gcp: Served, jobs: Any) -> None:
    """Protects: a target elsewhere fails, and says why."""
    name = scheduled(jobs, httpTarget={"uri": "https://example.com/"})
    status = jobs.run(name=name, body={}).execute()["status"]
    assert "example.com" in status["message"]
    jobs.delete(name=name).execute()


def test_what_is_refused(jobs: Any) -> None:
    """Protects: schedules and targets that Google refuses."""
    for schedule, target in (
        ("every day", to_topic("x")),
        ("0 0 30 2 *", to_topic("x")),
        ("0 3 * * *", {}),
        ("0 3 * * *", {**to_topic("x"), "httpTarget": {"uri": "https://example.com/"}}),
        ("0 3 * * *", {**to_topic("x"), "timeZone": "Mars/Base"}),
    ):
        with google_refusal(400, "INVALID_ARGUMENT"):
            scheduled(jobs, schedule, **target)


def test_an_update_keeps_what_it_does_not_name(jobs: Any) -> None:
    """Protects: an update of the schedule moves the next time and keeps the target; another target replaces it."""
    name = scheduled(jobs, **to_topic("x"))
    before = jobs.get(name=name).execute()
    after = jobs.patch(name=name, updateMask="schedule", body={"schedule": "0 4 * * *"}).execute()
    assert after["pubsubTarget"] == before["pubsubTarget"]
    assert after["scheduleTime"] != before["scheduleTime"]
    moved = jobs.patch(
        name=name, updateMask="httpTarget", body={"httpTarget": {"uri": "https://example.com/"}}
    ).execute()
    assert "pubsubTarget" not in moved
    jobs.delete(name=name).execute()
