"""Vertex AI's schedules: pipeline jobs that are created again and again, by the cloud's clock."""

from pathlib import Path

from infra.localcloud.gcp import moments
from infra.localcloud.gcp.call import Call, Cloud
from infra.localcloud.gcp.errors import Json, Refusal, invalid, precondition
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.store import Record
from infra.localcloud.gcp.vertex.job_cloud import COMPUTE_ACCOUNT, check_account
from infra.localcloud.gcp.vertex.pipelines import SERVICE as PIPELINES
from infra.localcloud.gcp.vertex.pipelines import checked
from infra.localcloud.gcp.vertex.schedule_runs import ACTIVE, PAUSED, SCHEDULES, Ticker, plan
from infra.localcloud.jobs.cron import ScheduleError

SERVICE = Service("aiplatform.v1", section="schedules", table=Path(__file__).with_name("collections.toml"))


def start(cloud: Cloud) -> None:
    """Let the schedules fire; called once, when the cloud starts."""
    Ticker(cloud, PIPELINES.collection("pipelineJobs").create).start()


@SERVICE.method(f"{SCHEDULES}.pause")
def pause(call: Call) -> Json:
    """Let a schedule no longer fire."""

    def change(record: Record) -> None:
        if record.body["state"] != ACTIVE:
            raise precondition(f"The Schedule {call.name} is in state {record.body['state']} and cannot be paused.")
        record.body |= {"state": PAUSED, "lastPauseTime": moments.now(), "updateTime": moments.now()}
        record.body.pop("nextRunTime", None)

    call.cloud.store.change(SCHEDULES, call.name, change)
    call.cloud.clock.wake()
    return {}


@SERVICE.method(f"{SCHEDULES}.resume")
def resume(call: Call) -> Json:
    """Let a schedule fire again, from now on or, with catchUp, from where it was paused."""

    def change(record: Record) -> None:
        body = record.body
        if body["state"] != PAUSED:
            raise precondition(f"The Schedule {call.name} is in state {body['state']} and cannot be resumed.")
        now, catch_up = call.cloud.clock.now(), bool(call.body.get("catchUp"))
        paused = moments.moment(body["lastPauseTime"])
        body |= {"state": ACTIVE, "catchUp": catch_up, "lastResumeTime": moments.now(), "updateTime": moments.now()}
        plan(body, paused if catch_up else now)

    call.cloud.store.change(SCHEDULES, call.name, change)
    call.cloud.clock.wake()
    return {}


def _fill(call: Call, record: Record) -> None:
    record.body |= {"state": ACTIVE, "catchUp": False, "startedRunCount": "0"}
    record.body.setdefault("startTime", moments.text(call.cloud.clock.now()))
    _complete(call, record)


def _change(call: Call, before: Record, after: Record) -> None:
    _complete(call, after)


def _complete(call: Call, record: Record) -> None:
    body = record.body
    if "createNotebookExecutionJobRequest" in body:
        raise Refusal("UNIMPLEMENTED", "createNotebookExecutionJobRequest: is not implemented in the local cloud.")
    request = body.get("createPipelineJobRequest", {})
    if not request.get("pipelineJob"):
        raise invalid("Field 'createPipelineJobRequest.pipelineJob' is required.", field="createPipelineJobRequest")
    request.setdefault("parent", record.name.partition("/schedules/")[0])
    job = request["pipelineJob"]
    check_account(call.cloud, job.get("serviceAccount"))
    known = {"name": record.name, "createTime": moments.now(), "serviceAccount": COMPUTE_ACCOUNT}
    checked({**known, **job})
    if int(body["maxConcurrentRunCount"]) < 1:
        raise invalid("maxConcurrentRunCount must be at least 1.", field="schedule.maxConcurrentRunCount")
    try:
        if body["state"] == ACTIVE:
            plan(body, call.cloud.clock.now())
    except ScheduleError as error:
        raise invalid(f"Invalid cron: {error}", field="schedule.cron") from error
    call.cloud.clock.wake()


SERVICE.hooks("schedules").filling = _fill
SERVICE.hooks("schedules").changing = _change
