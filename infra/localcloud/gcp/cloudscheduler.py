"""Cloud Scheduler: jobs that fire by the cloud's clock, at Pub/Sub topics or at APIs of this cloud."""

from datetime import datetime

from infra.localcloud.gcp import moments
from infra.localcloud.gcp.call import Call, Cloud
from infra.localcloud.gcp.errors import Json, Refusal, invalid
from infra.localcloud.gcp.schedule_runs import JOBS, Ticker, attempt
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.store import Record
from infra.localcloud.jobs.cron import ScheduleError, parse

SERVICE = Service("cloudscheduler.v1", section="cloudscheduler")
TARGETS = ("pubsubTarget", "httpTarget", "appEngineHttpTarget")


def start(cloud: Cloud) -> None:
    """Let the schedules fire; called once, when the cloud starts."""
    Ticker(cloud).start()


def _fill(call: Call, record: Record) -> None:
    record.body["state"] = "ENABLED"
    _complete(call, record)


def _change(call: Call, before: Record, after: Record) -> None:
    # Targets exclude each other: an update that brings another kind replaces the one before.
    brought = [name for name in TARGETS if name in call.body]
    for name in TARGETS:
        if brought and name not in brought:
            after.body.pop(name, None)
    _complete(call, after)


def _complete(call: Call, record: Record) -> None:
    body = record.body
    if sum(name in body for name in TARGETS) != 1:
        raise invalid(f"A job must have exactly one of {', '.join(TARGETS)}.", field="job.target")
    if "appEngineHttpTarget" in body:
        raise Refusal("UNIMPLEMENTED", "The local cloud has no App Engine.")
    body.setdefault("timeZone", "Etc/UTC")
    if "httpTarget" in body:
        body["httpTarget"].setdefault("httpMethod", "POST")
        body.setdefault("attemptDeadline", "180s")
    body["userUpdateTime"] = moments.now()
    body["scheduleTime"] = _due(body, call.cloud.clock.now())
    call.cloud.clock.wake()


def _due(body: Json, moment: datetime) -> str:
    try:
        return moments.text(parse(body["schedule"], body["timeZone"]).after(moment))
    except ScheduleError as error:
        raise invalid(f"Schedule or time zone is invalid: {error}", field="job.schedule") from error


@SERVICE.method(f"{JOBS}.pause")
def pause(call: Call) -> Json:
    """Let a job no longer fire."""
    return _switched(call, "PAUSED")


@SERVICE.method(f"{JOBS}.resume")
def resume(call: Call) -> Json:
    """Let a job fire again; one that is enabled stays so."""
    return _switched(call, "ENABLED")


@SERVICE.method(f"{JOBS}.run")
def run(call: Call) -> Json:
    """Fire a job now."""
    attempt(call.cloud, call.name)
    return call.cloud.store.get(JOBS, call.name).body


def _switched(call: Call, state: str) -> Json:
    def change(record: Record) -> None:
        record.body["state"] = state
        if state == "ENABLED":
            record.body["scheduleTime"] = _due(record.body, call.cloud.clock.now())
        else:
            record.body.pop("scheduleTime", None)

    found = call.cloud.store.change(JOBS, call.name, change).body
    call.cloud.clock.wake()
    return found


SERVICE.hooks("jobs").filling = _fill
SERVICE.hooks("jobs").changing = _change
