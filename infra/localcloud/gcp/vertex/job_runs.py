"""Custom jobs under way: each really runs, and its states, its error and its log are those of Vertex AI."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from infra.localcloud.gcp import moments, states
from infra.localcloud.gcp.call import Cloud
from infra.localcloud.gcp.errors import STATUSES, Json
from infra.localcloud.gcp.states import FaultError
from infra.localcloud.gcp.store import Record
from infra.localcloud.gcp.vertex.job_cloud import Session, assume, container_host
from infra.localcloud.gcp.vertex.job_logs import JobLog, job_log
from infra.localcloud.gcp.vertex.objects import Objects
from infra.localcloud.jobs import contract_vertex
from infra.localcloud.jobs.process import Ending, Exit
from infra.localcloud.jobs.request import JobRequest
from infra.localcloud.jobs.runner import JobRun, Outcome, Phase, Result, Surroundings
from infra.localcloud.jobs.transfer import ObjectStore

JOBS = "aiplatform.projects.locations.customJobs"
MACHINE = "custom_job"
REPLICA = f"{contract_vertex.POOL}-0"
ENDED = ("JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED")
# google.rpc.Code of a deadline that has passed; no request is answered with it.
DEADLINE_EXCEEDED = 4


@dataclass
class Run:
    """A job's run; `ended` is set once its record shows how it ended."""

    job: JobRun
    ended: threading.Event = field(default_factory=threading.Event)


class Runs:
    """The runs of all jobs, by the jobs' names."""

    def __init__(self) -> None:
        self._known: dict[str, Run] = {}
        self._lock = threading.Lock()

    def put(self, name: str, run: Run) -> None:
        """Note a run."""
        with self._lock:
            self._known[name] = run

    def find(self, name: str) -> Run | None:
        """Return a job's run; None for one that is only just being made."""
        with self._lock:
            return self._known.get(name)


def begin(cloud: Cloud, record: Record, job: JobRequest) -> None:
    """Start a job's run; everything that becomes of it goes into its record and its log."""
    log = job_log(cloud, job.name, REPLICA)
    sessions: list[Session] = []

    def connect() -> tuple[ObjectStore, Mapping[str, str]]:
        states.transition(MACHINE, "run", record.name).begin()
        session = assume(cloud, job.role)
        sessions.append(session)
        return Objects(cloud.endpoint_url, session.token), session.environment()

    def phase(entered: Phase) -> None:
        if entered is Phase.RUNNING:
            _note(cloud, record.name, _running)

    def end(result: Result) -> None:
        for session in sessions:
            session.close()
        _note(cloud, record.name, lambda body: _finish(body, result, job, log))
        run.ended.set()

    around = Surroundings(container_host(cloud), contract_vertex, connect, log.write, phase, end)
    run = Run(JobRun(job, around))
    cloud.part(Runs).put(record.name, run)
    if cloud.store.get(JOBS, record.name).body["state"] == states.transition(MACHINE, "cancel", record.name).during:
        run.job.stop()
    run.job.start()


def cancel(cloud: Cloud, name: str) -> None:
    """Ask a job to end; one that has ended or is ending is left alone."""

    def change(record: Record) -> None:
        if record.body["state"] not in ENDED:
            record.body["state"] = states.transition(MACHINE, "cancel", name).during
            record.body["updateTime"] = moments.now()

    cloud.store.change(JOBS, name, change)
    if run := cloud.part(Runs).find(name):
        run.job.stop()


def _running(body: Json) -> None:
    body["startTime"] = moments.now()
    if body["state"] == states.transition(MACHINE, "create", body["name"]).during:
        body["state"] = states.transition(MACHINE, "run", body["name"]).during


def _finish(body: Json, result: Result, job: JobRequest, log: JobLog) -> None:
    run, stop = (states.transition(MACHINE, action, body["name"]) for action in ("run", "cancel"))
    body["endTime"] = moments.now()
    if result.outcome is Outcome.COMPLETED:
        body["state"] = run.done
    elif result.outcome is Outcome.STOPPED:
        body["state"], body["error"] = stop.done, {"code": STATUSES["CANCELLED"].number, "message": "CANCELED"}
    else:
        body["state"], body["error"] = run.failed, _error(result, job, log)


def _error(result: Result, job: JobRequest, log: JobLog) -> Json:
    if result.outcome is Outcome.PROGRAM_FAILED and result.exit_code is not None:
        ended = Exit(result.exit_code, Ending.EXITED)
        text = contract_vertex.failure(ended, result.message, log.url)
        return {"code": STATUSES["INVALID_ARGUMENT"].number, "message": text}
    if result.outcome is Outcome.TIMED_OUT:
        text = f"The job exceeded its maximum running time of {job.max_runtime_seconds}s and was stopped."
        return {"code": DEADLINE_EXCEEDED, "message": text}
    if result.outcome is Outcome.REQUEST_FAILED:
        return {"code": STATUSES["INVALID_ARGUMENT"].number, "message": result.message}
    # A fault that a test asked for is told in its own words.
    return {"code": STATUSES["INTERNAL"].number, "message": result.message.removeprefix(f"{FaultError.__name__}: ")}


def _note(cloud: Cloud, name: str, change: Callable[[Json], None]) -> None:
    def work(record: Record) -> None:
        change(record.body)
        record.body["updateTime"] = moments.now()

    cloud.store.change(JOBS, name, work)
