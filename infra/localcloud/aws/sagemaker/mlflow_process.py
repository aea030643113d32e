"""A real MLflow server as a process: records in SQLite, artifacts in a bucket."""

import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import urllib3

from infra.localcloud.aws.sagemaker import job_cloud
from infra.localcloud.jobs.mlflow_server import SETTINGS, mlflow_argv
from infra.localcloud.jobs.ports import free_port
from infra.localcloud.jobs.process import Command, JobProcess, Limits, start

HOST = "127.0.0.1"
READY_TIMEOUT_SECONDS = 180.0
STOP_GRACE_SECONDS = 5.0


class MlflowError(Exception):
    """The MLflow server did not become ready."""


@dataclass(frozen=True)
class MlflowPlan:
    """What a server keeps where.

    Attributes:
        key: names its folder; a stopped server that starts again finds its records there.
        artifacts: the S3 URI that artifacts go to.
        role: the role that it runs under.
        region: the region of the role's session.
    """

    key: str
    artifacts: str
    role: str
    region: str

    @property
    def folder(self) -> Path:
        """Where it keeps its records, in the cloud's home."""
        return Path(os.environ["STILE_LOCAL_HOME"]) / "mlflow" / self.key

    def forget(self) -> None:
        """Remove its records."""
        if self.folder.exists():
            shutil.rmtree(self.folder)


class MlflowServer:
    """A running MLflow server."""

    def __init__(self, process: JobProcess, url: str) -> None:
        self._process = process
        self._pool = urllib3.PoolManager(retries=False)
        self.url = url

    def version(self) -> str:
        """Return the version that the server tells."""
        return self._pool.request("GET", f"{self.url}/version").data.decode()

    def stop(self) -> None:
        """Stop the server and wait until its processes are gone."""
        self._process.stop()
        self._process.wait()

    def await_ready(self) -> None:
        """Wait until the server answers its health check; a server that fails it is stopped."""
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while not self._is_healthy():
            ended = self._process.wait(0.05)
            if ended is not None:
                raise MlflowError(f"the MLflow server ended with code {ended.code} before it was healthy")
            if time.monotonic() > deadline:
                self.stop()
                raise MlflowError(f"the MLflow server was not healthy within {READY_TIMEOUT_SECONDS:g} s")

    def _is_healthy(self) -> bool:
        try:
            return self._pool.request("GET", f"{self.url}/health", timeout=2.0).status == 200
        except urllib3.exceptions.HTTPError:
            return False


def start_mlflow(plan: MlflowPlan) -> MlflowServer:
    """Start a server on a free port of loopback and wait until it is healthy.

    Raises:
        MlflowError: it does not become ready.
    """
    database = _database(plan.folder)
    port = free_port()
    arguments = (
        *("server", "--host", HOST, "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{database}"),
        # As at the vendor, clients write artifacts to the bucket themselves: MLflow's proxy refuses ARNs.
        *("--no-serve-artifacts", "--default-artifact-root", plan.artifacts),
    )
    argv = mlflow_argv(arguments)
    if argv is None:
        raise MlflowError("MLflow is not installed beside this local cloud")
    command = Command(
        argv=argv,
        env=_environment(job_cloud.assume(plan.role, plan.key, plan.region)),
        cwd=plan.folder,
    )
    limits = Limits(stop_grace_seconds=STOP_GRACE_SECONDS)
    process = start(command, log_path=plan.folder / "server.log", sink=lambda line: None, limits=limits)
    server = MlflowServer(process, f"http://{HOST}:{port}")
    server.await_ready()
    return server


def _database(folder: Path) -> Path:
    """Return the server's database; a new one is a copy of the empty one, which spares it seconds of migrations."""
    path, empty = folder / "mlflow.db", os.environ.get("STILE_MLFLOW_DATABASE")
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists() and empty is not None:
        shutil.copyfile(empty, path)
    return path


def _environment(session: job_cloud.Session) -> Mapping[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
    return {**inherited, **session.environment(), **SETTINGS}
