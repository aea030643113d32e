"""`stile drift` and `stile leftovers` through the command line: each part alone, and what the state does not know."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.conftest import Demo, both_clouds

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.changes_the_demo]
PARTS = ("infra", "data", "quality")
CODES = {"ok": 0, "drift": 3, "unknown": 4}
MODEL = "flight-delays"
TAGGED = "by-hand"


def said(demo: Demo, data: str, quality: str) -> bytes:
    """The monitor's report, as ml_jobs.monitor writes it, of one column."""
    now = datetime.now(UTC)
    content: dict[str, Any] = {
        "schema": "stile.monitor/1",
        "status": data,
        "window": {"from": (now - timedelta(days=7)).isoformat(), "until": now.isoformat()},
        "captured": {"used": 900},
        "data": {"status": data, "columns": [{"name": "distance", "status": data, "reason": "why"}], "schema": []},
        "quality": {"status": quality, "reason": "why", "slices": []},
    }
    return json.dumps(content).encode()


def leave(demo: Demo, content: bytes) -> None:
    """Put the monitor's report where `drift` looks for it."""
    bucket = demo.bucket_uri.removeprefix("s3://")
    demo.client("s3").put_object(Bucket=bucket, Key=f"monitor/{MODEL}/latest/drift.json", Body=content)


@contextmanager
def drifting(demo: Demo) -> Iterator[None]:
    group = f"/aws/sagemaker/Endpoints/stile-local-aws-{MODEL}"
    demo.client("logs").put_retention_policy(logGroupName=group, retentionInDays=1)
    yield
    demo.client("logs").put_retention_policy(logGroupName=group, retentionInDays=30)


@contextmanager
def unreadable(demo: Demo) -> Iterator[None]:
    """Take the plugins away: the engine cannot ask the cloud about anything."""
    plugins = demo.project.folder / ".stile" / "pulumi-home" / "plugins"
    aside = plugins.rename(plugins.with_name("plugins-aside"))
    yield
    aside.rename(plugins)


@contextmanager
def as_declared(_demo: Demo) -> Iterator[None]:
    yield


INFRA: dict[str, Callable[[Demo], Any]] = {"ok": as_declared, "drift": drifting, "unknown": unreadable}


@pytest.mark.parametrize("status", CODES)
@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_judged_for_itself(demo: Demo, part: str, status: str) -> None:
    """Nine combinations: one part ok, drift or unknown, and the others ok."""
    statuses = {**dict.fromkeys(PARTS, "ok"), part: status}
    leave(demo, said(demo, statuses["data"], statuses["quality"]))
    with INFRA[statuses["infra"]](demo):
        done = demo.project.stile("drift", demo.environment, "--json")
    assert done.code == CODES[status], done.stdout + done.stderr
    document = done.json()
    assert {name: document[name]["status"] for name in PARTS} == statuses
    assert bool(document[part]["findings"]) == (status != "ok")


def test_without_a_monitors_report_data_and_quality_are_unknown(demo: Demo) -> None:
    bucket = demo.bucket_uri.removeprefix("s3://")
    demo.client("s3").delete_object(Bucket=bucket, Key=f"monitor/{MODEL}/latest/drift.json")
    done = demo.project.stile("drift", demo.environment, "--json")
    assert done.code == 4
    assert [done.json()[name]["status"] for name in PARTS] == ["ok", "unknown", "unknown"]


def made_by_hand(demo: Demo) -> tuple[str, Callable[[], object]]:
    """A topic with the environment's tags that nobody declared, and how it is deleted."""
    tags = {"stile-stack": f"stile-{demo.environment}", "stile-environment": demo.environment}
    if demo.cloud == "aws":
        sns = demo.client("sns")
        arn = sns.create_topic(Name=TAGGED, Tags=[{"Key": key, "Value": tags[key]} for key in tags])["TopicArn"]
        return arn, lambda: sns.delete_topic(TopicArn=arn)
    topics = demo.vendor.client("pubsub").projects().topics()
    name = topics.create(name=f"projects/stile-local/topics/{TAGGED}", body={"labels": tags}).execute()["name"]
    return name, lambda: topics.delete(topic=name).execute()


@both_clouds
def test_what_the_state_does_not_know_is_found_by_its_tags(demo: Demo) -> None:
    """And is no drift any more when it is gone; `leftovers` lists it too."""
    identity, delete = made_by_hand(demo)
    done = demo.project.stile("drift", demo.environment, "--json")
    assert done.code == 3, done.stdout + done.stderr
    found = [one["id"] for one in done.json()["infra"]["findings"] if one["kind"] == "unmanaged"]
    assert found == [identity]
    left = demo.project.stile("leftovers", demo.environment, "--json")
    assert left.code == 3
    assert identity in [one["id"] for one in left.json()["things"]]
    delete()
    assert demo.project.stile("drift", demo.environment, "--json").json()["infra"]["status"] == "ok"
