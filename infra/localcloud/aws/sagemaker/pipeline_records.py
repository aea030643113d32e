"""What is kept of pipelines, their executions and the steps of those."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.localcloud.aws.records import Record, now
from infra.localcloud.aws.sagemaker.job_records import JobRecord
from infra.localcloud.jobs.dag import DagRun, Verdict
from infra.localcloud.jobs.definition_sagemaker import Definition
from infra.localcloud.jobs.expressions_sagemaker import Value

ACTIVE = ("Executing", "Stopping")
VERDICTS = {Verdict.SUCCEEDED: "Succeeded", Verdict.FAILED: "Failed", Verdict.STOPPED: "Stopped"}


@dataclass(kw_only=True)
class PipelineRecord(Record):
    """A pipeline; `request` holds the members of CreatePipeline, with those of UpdatePipeline over them."""

    request: Mapping[str, Any]
    text: str
    definition: Definition
    token: str
    last_run: datetime | None = None


@dataclass(kw_only=True)
class StepRecord(Record):
    """A step of an execution, from the moment that it begins."""

    type: str
    display_name: str | None
    description: str | None
    status: str = "Starting"
    ended: datetime | None = None
    reason: str | None = None
    job: JobRecord | None = None

    def end(self, status: str, reason: str | None = None) -> None:
        """Note how the step ended."""
        self.status, self.reason, self.ended = status, reason, now()


@dataclass(kw_only=True)
class ExecutionRecord(Record):
    """One execution of a pipeline, with the definition that it began with. Its name is its id."""

    pipeline: PipelineRecord
    request: Mapping[str, Any]
    text: str
    definition: Definition
    values: Mapping[str, Value]
    display_name: str
    parallelism: int
    status: str = "Executing"
    reason: str | None = None
    steps: dict[str, StepRecord] = field(default_factory=dict)
    run: DagRun | None = None
    stop_job: Callable[[str, JobRecord], None] = field(default=lambda type_, job: job.stop())
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def begin_step(self, name: str) -> StepRecord:
        """Note that a step begins."""
        step = self.definition.steps[name]
        record = StepRecord(
            name=name,
            arn=f"{self.arn}/step/{name}",
            type=step.type,
            display_name=step.display_name,
            description=step.description,
        )
        with self._lock:
            self.steps[name] = record
        return record

    def attach(self, step: StepRecord, job: JobRecord) -> None:
        """Note the job that a step runs; one of an execution that is being stopped is stopped at once."""
        with self._lock:
            step.job = job
            is_late = self.status == "Stopping"
            step.status = "Stopping" if is_late else "Executing"
        if is_late:
            self.stop_job(step.type, job)

    def stop(self) -> None:
        """Stop the steps that run and begin no other; nothing happens to an execution that has ended."""
        with self._lock:
            if self.status not in ACTIVE:
                return
            self.status = "Stopping"
            self.touch()
            running = [step for step in self.steps.values() if step.job is not None and step.ended is None]
            for step in running:
                step.status = "Stopping"
        if self.run is not None:
            self.run.stop()
        for step in running:
            if step.job is not None:
                self.stop_job(step.type, step.job)

    def finish(self, verdict: Verdict) -> None:
        """Note how the execution ended."""
        with self._lock:
            self.status = VERDICTS[verdict]
            if verdict is Verdict.FAILED:
                self.reason = "Step failure: One or multiple steps failed."
            self.touch()


@dataclass(kw_only=True)
class ParameterRecord(Record):
    """One parameter of an execution, as it is listed."""

    value: str
