"""Schedules create pipeline jobs by the cloud's clock, by ScheduleServiceClient over REST."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import aiplatform_v1 as v1
from google.protobuf import field_mask_pb2, json_format

from tests.localcloud.gcp.serving import PLACE, Served
from tests.localcloud.gcp.vertex.ground import eventually, generated
from tests.localcloud.gcp.vertex.test_pipelines import spec

State = v1.Schedule.State


@pytest.fixture
def schedules(gcp: Served) -> Iterator[v1.ScheduleServiceClient]:
    # Nothing listens there: a job of a schedule's pipeline fails, which is no matter here.
    gcp.cloud.registry_url = "http://127.0.0.1:9"
    with generated(gcp.cloud.endpoint_url, v1.ScheduleServiceClient) as made:
        yield made


def schedule(cron: str, **more: Any) -> v1.Schedule:
    """A schedule of a pipeline job of one task."""
    job = {"displayName": "nightly", "pipelineSpec": spec("image", one=("x",))}
    body = {
        "displayName": "nightly",
        "cron": cron,
        "maxConcurrentRunCount": "1",
        "createPipelineJobRequest": {
            "parent": PLACE,
            "pipelineJob": {**job, "runtimeConfig": {"gcsOutputDirectory": "gs://bucket/root"}},
        },
        **more,
    }
    made = v1.Schedule()
    json_format.ParseDict(body, made._pb)
    return made


def runs(gcp: Served, name: str) -> list[dict[str, Any]]:
    """The pipeline jobs that a schedule created."""
    found = gcp.http.get(f"/v1/{PLACE}/pipelineJobs").json().get("pipelineJobs", [])
    return [one for one in found if one.get("scheduleName") == name]


def next_run(gcp: Served, name: str) -> str:
    """When a schedule is due."""
    found: str = gcp.http.get(f"/v1/{name}").json()["nextRunTime"]
    return found


def test_a_due_schedule_creates_its_pipeline_job(gcp: Served, schedules: v1.ScheduleServiceClient) -> None:
    """Protects: runs by the clock, as many as were asked for, and then COMPLETED."""
    made = schedules.create_schedule(parent=PLACE, schedule=schedule("TZ=Europe/Berlin 0 3 * * *", maxRunCount="2"))
    assert made.state == State.ACTIVE
    assert next_run(gcp, made.name).endswith(":00:00.000000Z")
    gcp.cloud.clock.advance(timedelta(days=1))
    assert eventually(lambda: len(runs(gcp, made.name)) == 1)
    gcp.cloud.clock.advance(timedelta(days=1))
    eventually(lambda: schedules.get_schedule(name=made.name).state == State.COMPLETED)
    assert len(runs(gcp, made.name)) == 2
    found = schedules.get_schedule(name=made.name)
    assert found.started_run_count == 2
    assert found.last_scheduled_run_response.run_response.startswith("OK: ")
    schedules.delete_schedule(name=made.name).result(timeout=30)  # type: ignore[no-untyped-call]
    with pytest.raises(exceptions.NotFound):
        schedules.get_schedule(name=made.name)


def test_a_paused_schedule_does_not_fire(gcp: Served, schedules: v1.ScheduleServiceClient) -> None:
    """Protects: nothing while it is paused; after it is resumed it fires from then on."""
    made = schedules.create_schedule(parent=PLACE, schedule=schedule("0 * * * *"))
    schedules.pause_schedule(name=made.name)
    assert schedules.get_schedule(name=made.name).state == State.PAUSED
    with pytest.raises(exceptions.BadRequest):
        schedules.pause_schedule(name=made.name)
    gcp.cloud.clock.advance(timedelta(hours=3))
    other = schedules.create_schedule(parent=PLACE, schedule=schedule("30 * * * *", maxRunCount="1"))
    gcp.cloud.clock.advance(timedelta(hours=1))
    assert eventually(lambda: runs(gcp, other.name))
    assert runs(gcp, made.name) == []
    schedules.resume_schedule(name=made.name)
    with pytest.raises(exceptions.BadRequest):
        schedules.resume_schedule(name=made.name)
    gcp.cloud.clock.advance(timedelta(hours=1))
    assert eventually(lambda: len(runs(gcp, made.name)) == 1)


def test_a_schedule_is_changed_and_checked(gcp: Served, schedules: v1.ScheduleServiceClient) -> None:
    """Protects: a wrong time, or a wrong pipeline, is told at once; a change counts from then on."""
    with pytest.raises(exceptions.BadRequest, match="Invalid cron"):
        schedules.create_schedule(parent=PLACE, schedule=schedule("every day"))
    wrong = schedule("0 3 * * *")
    wrong.create_pipeline_job_request.pipeline_job.pipeline_spec["schemaVersion"] = "1"
    with pytest.raises(exceptions.BadRequest, match="schemaVersion"):
        schedules.create_schedule(parent=PLACE, schedule=wrong)
    made = schedules.create_schedule(parent=PLACE, schedule=schedule("0 3 * * *"))
    made.cron = "30 4 * * *"
    schedules.update_schedule(schedule=made, update_mask=field_mask_pb2.FieldMask(paths=["cron"]))
    assert next_run(gcp, made.name).endswith("T04:30:00.000000Z")
