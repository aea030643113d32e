"""The process of a revision: an image of the registry as a container, or MLflow's server of our own environment."""

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from infra.localcloud.gcp import moments
from infra.localcloud.gcp.call import PROJECT, Cloud
from infra.localcloud.gcp.cloudlogging import Entries
from infra.localcloud.gcp.errors import Json
from infra.localcloud.gcp.run.plan import Plan, RevisionError
from infra.localcloud.gcp.vertex.job_cloud import Session, assume, container_host
from infra.localcloud.jobs import process
from infra.localcloud.jobs.image import ImageError
from infra.localcloud.jobs.mlflow_server import SETTINGS, mlflow_argv
from infra.localcloud.jobs.ports import free_port
from infra.localcloud.jobs.process import Command, JobProcess, Limits, LogLine

HOST = "127.0.0.1"
# Source: https://cloud.google.com/run/docs/container-contract#sigterm
STOP_GRACE_SECONDS = 10.0
MLFLOW = "mlflow"


@dataclass(frozen=True)
class RunLog:
    """A revision's output in Cloud Logging. Source: https://cloud.google.com/run/docs/logging."""

    entries: Entries
    plan: Plan

    def write(self, line: LogLine) -> None:
        """Write a line of the container; empty ones are left out."""
        if line.text:
            time = datetime.fromtimestamp(line.timestamp_ms / 1000, UTC)
            self._write("stderr", line.text, moments.text(time), "DEFAULT")

    def say(self, text: str) -> None:
        """Write a line of the platform's own."""
        self._write("varlog%2Fsystem", text, moments.now(), "WARNING")

    def _write(self, log: str, text: str, time: str, severity: str) -> None:
        labels = {
            "project_id": PROJECT,
            "service_name": self.plan.name,
            "configuration_name": self.plan.name,
            "revision_name": self.plan.revision,
            "location": self.plan.location,
        }
        entry = {
            "logName": f"projects/{PROJECT}/logs/run.googleapis.com%2F{log}",
            "resource": {"type": "cloud_run_revision", "labels": labels},
            "timestamp": time,
            "severity": severity,
            "textPayload": text,
        }
        self.entries.write([entry])


@dataclass(frozen=True)
class Instance:
    """A running container.

    Attributes:
        url: where it answers.
        process: its process.
        close: removes what it left.
    """

    url: str
    process: JobProcess
    close: Callable[[], None]

    @property
    def has_ended(self) -> bool:
        """Whether it died of itself."""
        return self.process.poll() is not None

    def stop(self) -> None:
        """Stop it and wait until its processes are gone."""
        self.process.stop()
        self.process.wait()
        self.close()


def start_instance(cloud: Cloud, plan: Plan) -> Instance:
    """Start a container and wait until it listens.

    Raises:
        RevisionError: it cannot be started, or does not listen in time; none is left running then.
    """
    log, session, port = RunLog(cloud.part(Entries), plan), assume(cloud, plan.account), free_port()
    try:
        running, remove = _start(cloud, plan, session, port, log)
    except BaseException:
        session.close()
        raise

    def close() -> None:
        session.close()
        remove()

    made = Instance(f"http://{HOST}:{port}", running, close)
    try:
        _await_listening(plan, made, port)
    except BaseException:
        made.stop()
        raise
    return made


Started = tuple[JobProcess, Callable[[], None]]


def _start(cloud: Cloud, plan: Plan, session: Session, port: int, log: RunLog) -> Started:
    words = (*plan.container.get("command", ()), *plan.container.get("args", ()))
    if plan.is_remote and words[:2] == (MLFLOW, "server"):
        return _start_mlflow(cloud, plan, session, port, log, words[1:])
    if plan.sockets:
        text = "The local cloud gives sockets of Cloud SQL to MLflow's server only."
        raise RevisionError(text, reason="CONTAINER_MISSING")
    environment = {**session.environment(), **plan.environment, "PORT": str(port)}
    if not cloud.registry_url:
        raise RevisionError("This cloud has no registry.", reason="CONTAINER_MISSING")
    try:
        container = container_host(cloud).create(plan.name, plan.container["image"])
    except ImageError as error:
        raise RevisionError(
            f"Image '{plan.container['image']}' not found: {error}", reason="CONTAINER_MISSING"
        ) from error
    try:
        command, arguments = plan.container.get("command"), plan.container.get("args")
        started = container.start(
            env=environment,
            sink=log.write,
            entrypoint=tuple(command) if command else None,
            arguments=tuple(arguments) if arguments else None,
            limits=Limits(stop_grace_seconds=STOP_GRACE_SECONDS),
        )
    except (ImageError, OSError, ValueError) as error:
        container.remove()
        raise RevisionError(f"The container could not be started: {error}", reason="REVISION_FAILED") from error
    return started, container.remove


def _start_mlflow(
    cloud: Cloud, plan: Plan, session: Session, port: int, log: RunLog, words: tuple[str, ...]
) -> Started:
    # The last word on an option holds: an image has a network of its own, here all share loopback.
    argv = mlflow_argv((*words, "--host", HOST, "--port", str(port)))
    if argv is None:
        raise RevisionError("MLflow is not installed beside this local cloud: uv sync --extra tracking")
    log.say(
        f"{plan.container['image']} is in a remote repository, which the local cloud does not fetch: it runs the "
        "command in its own environment"
    )
    folders = cloud.home / "run"
    folders.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=folders, prefix="mlflow-"))
    command = Command(argv=argv, env=_mlflow_environment(plan, session, folder), cwd=folder)
    limits = Limits(stop_grace_seconds=STOP_GRACE_SECONDS)
    running = process.start(command, log_path=folder / "server.log", sink=log.write, limits=limits)
    return running, lambda: shutil.rmtree(folder)


def _mlflow_environment(plan: Plan, session: Session, folder: Path) -> Mapping[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GOOGLE_"))}
    # With an emulator's address, Google's client of Cloud Storage shows nobody who it is.
    own = {name: value for name, value in session.environment().items() if name != "STORAGE_EMULATOR_HOST"}
    inherited.pop("STORAGE_EMULATOR_HOST", None)
    given = {
        **own,
        "API_ENDPOINT_OVERRIDE": session.endpoint_url,
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        # Whatever the user of this machine is logged in as.
        "CLOUDSDK_CONFIG": str(folder),
        "HOME": str(folder),
        **{name: _placed(plan, value) for name, value in plan.environment.items()},
    }
    return {**inherited, **given, **SETTINGS}


def _placed(plan: Plan, value: str) -> str:
    """Return a value with the places of the sockets on this machine: the process has no root of its own."""
    for path, folder in plan.sockets.items():
        value = value.replace(path, str(folder))
    return value


def _await_listening(plan: Plan, instance: Instance, port: int) -> None:
    probe = plan.container["startupProbe"]
    tries, pause = probe.get("failureThreshold") or 3, probe.get("periodSeconds") or 10
    deadline = time.monotonic() + probe.get("initialDelaySeconds", 0) + tries * pause
    while not _listens(probe, port):
        ended = instance.process.wait(0.05)
        if ended is None and time.monotonic() < deadline:
            continue
        said = f" It ended with code {ended.code}." if ended is not None else ""
        raise RevisionError(
            f"The user-provided container failed to start and listen on the port defined provided by the "
            f"PORT={plan.port} environment variable within the allocated timeout.{said} Logs for this revision might "
            "contain more information.",
            revisionReason="HEALTH_CHECK_CONTAINER_ERROR",
        )


def _listens(probe: Json, port: int) -> bool:
    if asked := probe.get("httpGet"):
        url = f"http://{HOST}:{port}{asked.get('path') or '/'}"
        try:
            return httpx.get(url, timeout=probe.get("timeoutSeconds") or 1, trust_env=False).status_code < 400
        except httpx.TransportError:
            return False
    with socket.socket() as one:
        return one.connect_ex((HOST, port)) == 0
