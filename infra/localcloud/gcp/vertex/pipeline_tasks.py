"""The tasks of a pipeline job as its record shows them: their states over time, their jobs, their errors."""

import secrets
from collections.abc import Callable
from typing import Any

from infra.localcloud.gcp import moments
from infra.localcloud.gcp.call import Cloud
from infra.localcloud.gcp.errors import Json
from infra.localcloud.gcp.store import Record

PIPELINES = "aiplatform.projects.locations.pipelineJobs"
ENDED = ("SUCCEEDED", "FAILED", "CANCELLED", "SKIPPED", "NOT_TRIGGERED")
Task = dict[str, Any]


def change_pipeline(cloud: Cloud, name: str, work: Callable[[Json], None]) -> Json:
    """Change a pipeline job's record and return it."""

    def change(record: Record) -> None:
        work(record.body)
        record.body["updateTime"] = moments.now()

    return cloud.store.change(PIPELINES, name, change).body


def new_task(task: str, state: str, parent: str | None = None) -> Task:
    """Return a task's details as it enters its first state."""
    now = moments.now()
    made: Task = {"taskId": str(secrets.randbelow(9 * 10**17) + 10**17), "taskName": task, "createTime": now}
    if parent:
        made["parentTaskId"] = parent
    enter(made, state)
    return made


def enter(task: Task, state: str, error: Json | None = None) -> None:
    """Let a task enter a state, with the error that brought it there."""
    now = moments.now()
    told = {"error": error} if error else {}
    task["state"] = state
    task.setdefault("pipelineTaskStatus", []).append({"updateTime": now, "state": state, **told})
    if state == "RUNNING":
        task["startTime"] = now
    if state in ENDED:
        task["endTime"] = now
    task |= told


def tasks_of(body: Json) -> list[Task]:
    """Return the details of a pipeline job's tasks; the first is the pipeline itself."""
    found: list[Task] = body["jobDetail"]["taskDetails"]
    return found


def task_of(body: Json, name: str) -> Task:
    """Return the details of the task of a name, which has begun."""
    return next(task for task in tasks_of(body)[1:] if task["taskName"] == name)
