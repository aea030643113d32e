"""Tracking with MLflow, the same on all clouds: one run per candidate; on a tracking server, or by hand in ./mlruns."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_jobs.contracts import tracking_token
from ml_jobs.errors import JobError
from ml_jobs.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOCAL_STORE = "mlruns"
_MAX_PARAM_CHARACTERS = 6000


class TrackingError(JobError):
    """The tracking server cannot be reached or refused what was logged."""


@dataclass(frozen=True)
class Run:
    """One run of MLflow: its id, its experiment's name and the store's URI."""

    run_id: str
    experiment: str
    tracking_uri: str
    client: "MlflowClient"

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log parameters, as text."""
        from mlflow.entities import Param

        entries = [Param(name, str(value)[:_MAX_PARAM_CHARACTERS]) for name, value in params.items()]
        with _told(self.tracking_uri):
            self.client.log_batch(self.run_id, params=entries)

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Log metrics."""
        import time

        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        entries = [Metric(name, value, now, 0) for name, value in metrics.items()]
        with _told(self.tracking_uri):
            self.client.log_batch(self.run_id, metrics=entries)

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Log one file as an artifact."""
        with _told(self.tracking_uri):
            self.client.log_artifact(self.run_id, str(path), folder)

    def log_folder(self, path: Path, folder: str | None = None) -> None:
        """Log all files of a folder as artifacts."""
        with _told(self.tracking_uri):
            self.client.log_artifacts(self.run_id, str(path), folder)


@contextmanager
def start_run(settings: Settings, name: str, tags: Mapping[str, str]) -> Iterator[Run]:
    """Start a run and end it: FINISHED, KILLED when the job was stopped, or FAILED on any other error.

    Raises:
        TrackingError: the tracking server does not answer or refuses.
    """
    client, uri = _client(settings)
    with _told(uri):
        experiment_id = _experiment(client, settings.experiment)
        made = client.create_run(experiment_id, run_name=name, tags=dict(tags))
    run = Run(made.info.run_id, settings.experiment, uri, client)
    try:
        yield run
    except BaseException as error:
        stopped = isinstance(error, SystemExit | KeyboardInterrupt)
        tracking_token.authorize(uri)
        client.set_terminated(run.run_id, "KILLED" if stopped else "FAILED")
        raise
    with _told(uri):
        client.set_terminated(run.run_id, "FINISHED")


def resume_run(settings: Settings, run_id: str) -> Run:
    """Return a run that exists, to log more into it.

    Raises:
        TrackingError: there is no such run, or the server does not answer.
    """
    client, uri = _client(settings)
    with _told(uri):
        client.get_run(run_id)
    return Run(run_id, settings.experiment, uri, client)


def _client(settings: Settings) -> "tuple[MlflowClient, str]":
    """Return a client and the store's URI; importing MLflow takes seconds, so it is left to the first use."""
    # No reports of usage to MLflow's makers; must be set before the import.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "4")
    uri = settings.tracking_uri or (Path.cwd() / LOCAL_STORE).as_uri()
    if uri.startswith("file:"):
        # The client alone has no database; its file store works and has to be asked for.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    import mlflow

    with _told(uri):
        mlflow.set_tracking_uri(uri)  # the artifact stores of plugins ask for it
        return mlflow.MlflowClient(uri), uri


def _experiment(client: "MlflowClient", name: str) -> str:
    """Return the experiment's id; several jobs may create it at once."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)
    if found is None:
        raise TrackingError(f"MLflow has an experiment {name!r} and does not show it")
    return str(found.experiment_id)


@contextmanager
def _told(uri: str) -> Iterator[None]:
    """Show who asks, and turn MLflow's errors into one that names the server."""
    from mlflow.exceptions import MlflowException

    tracking_token.authorize(uri)
    try:
        yield
    except MlflowException as error:
        raise TrackingError(f"MLflow at {uri}: {error}") from error
