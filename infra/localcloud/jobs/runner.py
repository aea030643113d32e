"""Runs one job from its request to its end, in a thread of its own, and tells each phase as it begins."""

import enum
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from infra.localcloud.jobs.container import Container, ContainerHost
from infra.localcloud.jobs.image import ImageError
from infra.localcloud.jobs.process import Ending, Exit, JobProcess, Limits, Sink
from infra.localcloud.jobs.request import JobRequest
from infra.localcloud.jobs.transfer import ObjectStore, TransferError

LOG = logging.getLogger(__name__)


class Phase(enum.Enum):
    """Where a running job is."""

    PULLING = "pulling"
    DOWNLOADING = "downloading"
    RUNNING = "running"
    UPLOADING = "uploading"


class Outcome(enum.Enum):
    """How a job ended; each failure names whose fault it was."""

    COMPLETED = "completed"
    STOPPED = "stopped"
    TIMED_OUT = "timed out"
    PROGRAM_FAILED = "program failed"
    REQUEST_FAILED = "request failed"
    CLOUD_FAILED = "cloud failed"


@dataclass(frozen=True)
class Result:
    """How a job ended: `message` is the job's own last word (a failure file), or what the cloud has to say."""

    outcome: Outcome
    message: str = ""
    exit_code: int | None = None


class Contract(Protocol):
    """A vendor's contract with a container (contract_sagemaker's functions have this form)."""

    def environment(self, job: JobRequest) -> Mapping[str, str]:
        """Return the variables that the job finds."""
        ...

    def lay_out(self, job: JobRequest, files: Path) -> None:
        """Make the folders and files that the job finds."""
        ...

    def fetch(self, job: JobRequest, files: Path, store: ObjectStore) -> None:
        """Bring the inputs."""
        ...

    def collect(self, job: JobRequest, files: Path, store: ObjectStore, *, succeeded: bool, stopped: bool) -> None:
        """Bring the outputs to where they were asked for."""
        ...

    def message(self, job: JobRequest, files: Path) -> str:
        """Return what the job said of its own end."""
        ...


@dataclass(frozen=True)
class Surroundings:
    """What a job gets of the cloud around it.

    `connect` returns the job's object store and the credentials and addresses that its environment holds.
    """

    host: ContainerHost
    contract: Contract
    connect: Callable[[], tuple[ObjectStore, Mapping[str, str]]]
    sink: Sink
    on_phase: Callable[[Phase], None]
    on_end: Callable[[Result], None]
    stop_grace_seconds: float = 120.0


class JobRun:
    """A job under way. `on_end` of its surroundings is called exactly once, whatever happens."""

    def __init__(self, job: JobRequest, around: Surroundings) -> None:
        self._job = job
        self._around = around
        self._stopping = threading.Event()
        self._process: JobProcess | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"job-{job.name}", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the job to stop; returns at once. A job that is not running yet ends before it runs."""
        with self._lock:
            self._stopping.set()
            process = self._process
        if process is not None:
            process.stop()

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Wait until the job has ended; False when the time is over first."""
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            result = self._result()
        except Exception as error:
            LOG.exception("the job %s failed inside the local cloud", self._job.name)
            result = Result(Outcome.CLOUD_FAILED, f"{type(error).__name__}: {error}")
        self._around.on_end(result)

    def _result(self) -> Result:
        try:
            store, granted = self._around.connect()
            self._around.on_phase(Phase.PULLING)
            container = self._around.host.create(self._job.name, self._job.image)
        except (ImageError, TransferError) as error:
            return Result(Outcome.REQUEST_FAILED, str(error))
        try:
            return self._in_container(container, store, granted)
        except (ImageError, TransferError, OSError) as error:
            return Result(Outcome.REQUEST_FAILED, str(error))
        finally:
            container.remove()

    def _in_container(self, container: Container, store: ObjectStore, granted: Mapping[str, str]) -> Result:
        job, contract, files = self._job, self._around.contract, container.files
        self._around.on_phase(Phase.DOWNLOADING)
        contract.lay_out(job, files)
        contract.fetch(job, files, store)
        ended = self._run_program(container, {**granted, **contract.environment(job)})
        if ended is None:
            return Result(Outcome.STOPPED)
        self._around.on_phase(Phase.UPLOADING)
        stopped = ended.ending is not Ending.EXITED
        succeeded = not stopped and ended.code == 0
        contract.collect(job, files, store, succeeded=succeeded, stopped=stopped)
        return Result(_outcome(ended), contract.message(job, files), ended.code)

    def _run_program(self, container: Container, env: Mapping[str, str]) -> Exit | None:
        """Run the program to its end; None when the job was stopped before it began."""
        with self._lock:
            if self._stopping.is_set():
                return None
            self._around.on_phase(Phase.RUNNING)
            self._process = container.start(
                env=env,
                sink=self._around.sink,
                entrypoint=self._job.entrypoint,
                arguments=self._job.arguments,
                limits=Limits(self._job.max_runtime_seconds, self._around.stop_grace_seconds),
            )
        return self._process.wait()


def _outcome(ended: Exit) -> Outcome:
    if ended.ending is Ending.TIMED_OUT:
        return Outcome.TIMED_OUT
    if ended.ending is Ending.STOPPED:
        return Outcome.STOPPED
    return Outcome.COMPLETED if ended.code == 0 else Outcome.PROGRAM_FAILED
