"""What the commands do on a cloud beyond provisioning: runs, model versions, predictions; types and dispatch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from infra.errors import UsageError

RunStatus = Literal["running", "succeeded", "failed", "stopped"]
StepStatus = Literal["starting", "running", "succeeded", "failed", "stopped"]

# cloud -> dotted name of the module that has a function `connect`
CLOUDS = {"aws": "infra.clouds.aws", "gcp": "infra.clouds.gcp"}


@dataclass(frozen=True)
class Step:
    """One step of a run.

    Attributes:
        seconds: from its start to its end, or to now while it runs; None before it starts.
        job: the name under which the cloud's console and `stile logs` know its job; None before it has one.
        reason: why it failed, in the cloud's words; None if it did not.
    """

    name: str
    status: StepStatus
    seconds: float | None
    job: str | None
    reason: str | None


@dataclass(frozen=True)
class Run:
    """One execution of a model's pipeline.

    Attributes:
        execution: the id that stands in the paths of its outputs, `runs/<execution>/`.
        reason: why it failed, in the cloud's words; None if it did not.
        started: when it was asked for.
    """

    execution: str
    status: RunStatus
    steps: tuple[Step, ...]
    reason: str | None
    started: datetime


@dataclass(frozen=True)
class ModelVersion:
    """One version of a model in the cloud's registry.

    Attributes:
        version: counts up from 1; immutable.
        approved: whether govern promoted it.
        reason: why it was promoted or rejected.
        sha256: digest of its canonical model file.
        properties: what registration noted about it: candidate, execution, held-out metrics.
        created: when it was registered.
    """

    version: int
    approved: bool
    reason: str
    sha256: str
    properties: Mapping[str, str]
    created: datetime


@dataclass(frozen=True)
class Live:
    """What an endpoint serves.

    Attributes:
        status: in the cloud's word.
        is_serving: whether it answers, be it while it changes.
        is_steady: whether nothing is under way, and nothing failed.
        config: the name of what is live: on SageMaker the endpoint configuration, on Vertex AI the deployed model's id,
            empty where nothing is deployed.
        version, sha256: of the model that is live; None where its container was not told.
        since: when what is live began to serve.
        reason: why the last change failed, in the cloud's words; None if it did not.
    """

    endpoint: str
    status: str
    is_serving: bool
    is_steady: bool
    config: str
    version: int | None
    sha256: str | None
    since: datetime
    reason: str | None


@dataclass(frozen=True)
class LogLine:
    """One line of a log, and when it was written."""

    at: datetime
    text: str


class Log(Protocol):
    """The log of a job or an endpoint, read from where the last look ended."""

    def read(self) -> list[LogLine]:
        """What came since the last look, oldest first; empty where nothing did, or nothing was ever written."""

    def tail(self, lines: int) -> list[LogLine]:
        """The last lines, oldest first; `read` goes on after them."""

    def last_words(self, lines: int) -> list[str]:
        """The last lines of whichever container began last: of the one that failed, where others serve on."""


@dataclass(frozen=True)
class Answer:
    """What an endpoint answered to one request.

    Attributes:
        model: who answered: its `name`, `version` and `sha256`.
        seconds: from sending the request to the whole answer, as this client saw it.
    """

    predictions: Sequence[Mapping[str, Any]]
    model: Mapping[str, Any]
    seconds: float


class Cloud(Protocol):
    """What the commands need of a cloud; one implementation for each, side by side."""

    def put_files(self, bucket: str, files: Mapping[str, Path]) -> int:
        """Upload files (key -> path) that the bucket does not hold yet with these sizes; return how many were sent."""

    def start_run(self, pipeline: str, parameters: Mapping[str, str]) -> str:
        """Start the pipeline; return the execution's full name.

        Raises:
            CloudError: the cloud refused.
        """

    def run(self, execution: str) -> Run:
        """How an execution stands, by its full name."""

    def stop_run(self, execution: str) -> None:
        """Ask the cloud to stop an execution and its jobs."""

    def newest_run(self, pipeline: str) -> str | None:
        """The full name of the newest execution of a pipeline, or None."""

    def read_object(self, bucket: str, key: str) -> bytes:
        """The object's bytes.

        Raises:
            CloudError: it is not there, or may not be read.
        """

    def find_job(self, name: str) -> str | None:
        """The full name of a job, as a step has it, by its name; None if there is none."""

    def is_over(self, job: str) -> bool:
        """Whether a job, by its full name, has ended."""

    def log(self, source: str, since: datetime | None = None) -> Log:
        """A log.

        Args:
            source: a job's full name as a step has it, or `endpoint/` and the endpoint's name.
            since: leave out what was written before.
        """

    def versions(self, group: str) -> list[ModelVersion]:
        """All versions of a model, newest first."""

    def find_endpoint(self, name: str) -> str | None:
        """The full name of an endpoint, as `live` and `predict` take it, by its physical name; None if there is none.

        Where both are the same, nothing is asked.
        """

    def live(self, endpoint: str) -> Live | None:
        """What an endpoint serves; None where there is no such endpoint."""

    def predict(self, endpoint: str, instances: Sequence[Mapping[str, Any]]) -> Answer:
        """Send one request with these rows.

        Raises:
            CloudError: the endpoint is not there, or answered with an error.
        """

    def tracking_url(self, tracking: str) -> str:
        """A URL that opens the tracking server's pages in a browser."""

    def close(self) -> None:
        """Close the connections."""


def connect(cloud: str, variables: Mapping[str, str]) -> Cloud:
    """Connect to the cloud of an environment.

    Args:
        cloud: `aws` or `gcp`.
        variables: the environment's own variables (region; for local clouds also endpoint and credentials).

    Raises:
        UsageError: no such cloud.
    """
    if cloud not in CLOUDS:
        raise UsageError(f"no cloud named {cloud!r}", fix=f"one of: {', '.join(sorted(CLOUDS))}")
    return cast("Cloud", import_module(CLOUDS[cloud]).connect(variables))
