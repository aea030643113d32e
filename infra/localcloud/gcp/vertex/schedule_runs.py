"""What a due Vertex AI schedule does: it creates its pipeline job, by the cloud's clock."""

import logging
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from infra.localcloud.gcp import moments
from infra.localcloud.gcp.call import Call, Cloud
from infra.localcloud.gcp.errors import Json, Refusal
from infra.localcloud.gcp.store import Record
from infra.localcloud.gcp.vertex.pipeline_tasks import PIPELINES
from infra.localcloud.jobs.cron import Schedule, ScheduleError, parse

LOG = logging.getLogger(__name__)
SCHEDULES = "aiplatform.projects.locations.schedules"
ACTIVE, PAUSED, COMPLETED = "ACTIVE", "PAUSED", "COMPLETED"
IDLE = timedelta(days=1)
_ZONED = re.compile(r"(?:CRON_)?TZ=(?P<zone>\S+)\s+(?P<cron>.+)")
Create = Callable[[Call], Json]


def read_cron(text: str) -> Schedule:
    """Read a schedule, which may have its time zone in front of it; raises ScheduleError."""
    found = _ZONED.fullmatch(text.strip())
    return parse(found["cron"], found["zone"]) if found else parse(text, "Etc/UTC")


def plan(body: Json, now: datetime) -> None:
    """Note when a schedule is due next, or that it is completed. Raises ScheduleError."""
    try:
        due, is_over = _next(body, now)
    except (OverflowError, ValueError) as error:
        raise ScheduleError(str(error)) from error
    has_all = int(body.get("maxRunCount", 0)) and int(body.get("startedRunCount", 0)) >= int(body["maxRunCount"])
    if is_over or has_all:
        body["state"] = COMPLETED
        body.pop("nextRunTime", None)
    else:
        body["nextRunTime"] = moments.text(due)


def _next(body: Json, now: datetime) -> tuple[datetime, bool]:
    """Return when a schedule is due next, and whether that is after its end."""
    start = moments.moment(body["startTime"]) if "startTime" in body else now
    # A start on the minute is itself due.
    due = read_cron(body["cron"]).after(start - timedelta(microseconds=1) if start > now else now)
    return due, "endTime" in body and due >= moments.moment(body["endTime"])


class Ticker:
    """Fires schedules when they are due by the cloud's clock, which may be moved.

    Args:
        cloud: the cloud.
        create: creates a pipeline job, as a request would.
    """

    def __init__(self, cloud: Cloud, create: Create) -> None:
        self._cloud = cloud
        self._create = create

    def start(self) -> None:
        """Run for as long as the process does."""
        threading.Thread(target=self._run, name="vertex-schedules", daemon=True).start()

    def _run(self) -> None:
        while True:
            since = self._cloud.clock.version
            due = [moments.moment(one.body["nextRunTime"]) for one in self._waiting()]
            now = self._cloud.clock.now()
            self._cloud.clock.wait_until(min(due, default=now + IDLE), since)
            for one in self._waiting():
                if moments.moment(one.body["nextRunTime"]) <= self._cloud.clock.now():
                    self._fire(one)

    def _waiting(self) -> list[Record]:
        found = self._cloud.store.all(SCHEDULES)
        return [one for one in found if one.body["state"] == ACTIVE and "nextRunTime" in one.body]

    def _fire(self, schedule: Record) -> None:
        due = moments.moment(schedule.body["nextRunTime"])
        told = self._submitted(schedule)

        def change(record: Record) -> None:
            record.body |= {
                "lastScheduledRunResponse": {"scheduledRunTime": moments.text(due), "runResponse": told},
                "startedRunCount": str(int(record.body.get("startedRunCount", 0)) + 1),
                "updateTime": moments.now(),
            }
            if record.body["state"] == ACTIVE:
                plan(record.body, self._from(record.body, due))

        try:
            self._cloud.store.change(SCHEDULES, schedule.name, change)
        except (Refusal, ScheduleError) as error:
            LOG.info("%s is no longer due: %s", schedule.name, error)

    def _from(self, body: Json, due: datetime) -> datetime:
        """Return the moment after which the next run is: missed ones are made up for only if that was asked for."""
        return due if body.get("catchUp") else max(due, self._cloud.clock.now().astimezone(UTC))

    def _submitted(self, schedule: Record) -> str:
        """Create the pipeline job and return what came of it."""
        request = schedule.body["createPipelineJobRequest"]
        call = Call(
            cloud=self._cloud,
            method=self._cloud.routes.method(f"{PIPELINES}.create", "aiplatform.v1"),
            path={"parent": request["parent"]},
            query={},
            body=dict(request["pipelineJob"]),
        )
        try:
            name = self._create(call)["name"]
        except Refusal as refusal:
            LOG.warning("%s made no pipeline job: %s", schedule.name, refusal.message)
            return f"{refusal.status.name}: {refusal.message}"
        self._cloud.store.change(PIPELINES, name, lambda record: record.body.update(scheduleName=schedule.name))
        return f"OK: {name}"
