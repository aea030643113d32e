"""What training and processing jobs have in common as records: their statuses over time, their end, their stop."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from localstack.aws.api import RequestContext

from infra.localcloud.aws.failures import Refusal, in_use, not_found, validation
from infra.localcloud.aws.records import Record, Records, now
from infra.localcloud.aws.sagemaker.store import store
from infra.localcloud.jobs.runner import JobRun, Outcome, Phase, Result

REASON_CHARACTERS = 1024
ENDED = ("Completed", "Failed", "Stopped")


@dataclass(frozen=True)
class Step:
    """A status that a job passes through, with the vendor's message for it."""

    status: str
    secondary: str
    message: str


# Sources: API_DescribeTrainingJob (SecondaryStatus, StatusMessage) and API_DescribeProcessingJob.
BEGUN = Step("InProgress", "Starting", "Preparing the instances for training")
STOPPING = Step("Stopping", "Stopping", "Stopping the training job")
PHASES = {
    Phase.PULLING: BEGUN,
    Phase.DOWNLOADING: Step("InProgress", "Downloading", "Downloading input data"),
    Phase.RUNNING: Step("InProgress", "Training", "Training image download completed. Training in progress."),
    Phase.UPLOADING: Step("InProgress", "Uploading", "Uploading generated training model"),
}
_FAILED = Step("Failed", "Failed", "Training job failed")
OUTCOMES = {
    Outcome.COMPLETED: Step("Completed", "Completed", "Training job completed"),
    Outcome.STOPPED: Step("Stopped", "Stopped", "Training job stopped"),
    Outcome.TIMED_OUT: Step(
        "Stopped", "MaxRuntimeExceeded", "Training job runtime exceeded MaxRuntimeInSeconds provided"
    ),
    Outcome.PROGRAM_FAILED: _FAILED,
    Outcome.REQUEST_FAILED: _FAILED,
    Outcome.CLOUD_FAILED: _FAILED,
}


@dataclass
class Transition:
    """One entry of SecondaryStatusTransitions."""

    status: str
    message: str
    began: datetime
    ended: datetime | None = None


@dataclass(kw_only=True)
class JobRecord(Record):
    """A job: its request as it came, and what has become of it. Changed under its own lock only."""

    request: Mapping[str, Any]
    status: str = BEGUN.status
    secondary: str = BEGUN.secondary
    transitions: list[Transition] = field(default_factory=list)
    started: datetime | None = None
    finished: datetime | None = None
    result: Result | None = None
    metrics: dict[str, tuple[float, datetime]] = field(default_factory=dict)
    run: JobRun | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self._enter(BEGUN)

    def begin(self, run: JobRun) -> None:
        """Start the job's run, which one that was stopped already ends at once."""
        with self._lock:
            self.run = run
            if self.status == STOPPING.status:
                run.stop()
        run.start()

    def enter_phase(self, phase: Phase) -> None:
        """Note that the job has come to a phase; one that is being stopped keeps that status."""
        with self._lock:
            if phase is Phase.RUNNING:
                self.started = now()
            if self.status != STOPPING.status:
                self._enter(PHASES[phase])

    def finish(self, result: Result) -> None:
        """Note how the job ended."""
        with self._lock:
            self.result = result
            self.finished = now()
            step = OUTCOMES[result.outcome]
            self._enter(step)
            self.transitions[-1].ended = self.finished
        self.ended.set()

    def stop(self) -> None:
        """Stop the job; nothing happens to one that is stopping or has ended."""
        with self._lock:
            if self.status != BEGUN.status:
                return
            self._enter(STOPPING)
        if self.run is not None:
            self.run.stop()

    def note_metric(self, name: str, value: float) -> None:
        """Keep the last value of a metric."""
        with self._lock:
            self.metrics[name] = (value, now())

    def _enter(self, step: Step) -> None:
        moment = now()
        if (self.secondary, bool(self.transitions)) != (step.secondary, True):
            if self.transitions:
                self.transitions[-1].ended = moment
            self.transitions.append(Transition(step.secondary, step.message, moment))
        self.status, self.secondary, self.modified = step.status, step.secondary, moment

    @property
    def failure_reason(self) -> str | None:
        """Why the job failed, in the vendor's words; None for one that did not."""
        result = self.result
        if result is None or self.status != "Failed":
            return None
        text = {
            Outcome.PROGRAM_FAILED: f"AlgorithmError: {result.message}, exit code: {result.exit_code}",
            Outcome.REQUEST_FAILED: f"ClientError: {result.message}",
        }.get(result.outcome, f"InternalServerError: {result.message}")
        return text if len(text) <= REASON_CHARACTERS else _cut(text, result)

    def times(self, prefix: str) -> dict[str, datetime]:
        """Return the times that Describe answers, the start and end under names with a prefix."""
        named = {f"{prefix}StartTime": self.started, f"{prefix}EndTime": self.finished}
        known = {name: moment for name, moment in named.items() if moment is not None}
        return {"CreationTime": self.created, "LastModifiedTime": self.modified, **known}


def _cut(text: str, result: Result) -> str:
    """Shorten a reason to the vendor's length without losing its end, which names the exit code."""
    end = f"..., exit code: {result.exit_code}" if result.exit_code is not None else "..."
    return text[: REASON_CHARACTERS - len(end)] + end


class Jobs:
    """The jobs of one kind, by account and region."""

    def __init__(self, missing: str) -> None:
        """`missing` is the vendor's message for a job that does not exist; `{}` in it is the name."""
        self._missing = missing
        self._places: dict[tuple[str, str], Records[JobRecord]] = {}
        self._lock = threading.Lock()

    def of(self, context: RequestContext) -> Records[JobRecord]:
        """Return the jobs of the request's account and region."""
        with self._lock:
            return self._places.setdefault((context.account_id, context.region), Records(self._not_found, _taken))

    def _not_found(self, name: str) -> Refusal:
        return validation(self._missing.format(name))


def _taken(arn: str) -> Refusal:
    return in_use(
        f"Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})"
    )


def keep(jobs: Jobs, context: RequestContext, record: JobRecord) -> None:
    """Keep a new job and its tags; raises ResourceInUse if another was first."""
    jobs.of(context).add(record)
    store(context).tags.begin(record.arn, record.request.get("Tags"))


def stop(record: JobRecord, kind: str) -> None:
    """Stop a job. Raises ValidationException for one that has ended."""
    if record.status in ENDED:
        raise validation(f"The request was rejected because the {kind} job is in status {record.status}.")
    record.stop()


def delete(jobs: Jobs, context: RequestContext, name: str, kind: str) -> None:
    """Forget a job and its tags; its name is free again, what it left in S3 and its log stay.

    Raises ResourceNotFound for one that does not exist, ResourceInUse for one that has not ended.
    """
    records = jobs.of(context)
    with records.locked():
        record = records.find(name)
        if record is None:
            raise not_found(f"Could not find requested {kind} job with name: {name}")
        if record.status not in ENDED:
            raise in_use(f"The {kind} job {name} is in status {record.status}; only one that has ended can be deleted.")
        records.remove(name)
    store(context).tags.end(record.arn)


def echo(request: Mapping[str, Any], members: tuple[str, ...]) -> dict[str, Any]:
    """Return those members of a request that a Describe answers as they came."""
    return {member: request[member] for member in members if request.get(member) is not None}


def refuse_unsupported(found: Mapping[str, bool]) -> None:
    """Answer "not implemented" for what would change a job's result and is not emulated; never run it half."""
    for what, asked in found.items():
        if asked:
            raise NotImplementedError(f"{what} is not implemented in the local cloud.")
