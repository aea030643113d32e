"""Protects what jobs read from their environment, and how a job's mistakes and faults end it."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from ml_jobs import command
from ml_jobs.errors import JobError
from ml_jobs.settings import container_path, read_settings


def test_by_hand_the_use_case_names_model_and_experiment() -> None:
    settings = read_settings({}, use_case="flight_delays")
    assert (settings.model, settings.experiment, settings.use_case) == ("flight_delays",) * 3
    assert (settings.cloud, settings.execution_id, settings.tracking_uri) == ("local", "by-hand", None)


def test_a_pipeline_names_everything() -> None:
    settings = read_settings(
        {
            "STILE_MODEL": "delays",
            "STILE_USE_CASE": "flight_delays",
            "STILE_EXECUTION_ID": "abc",
            "STILE_CLOUD": "aws",
            "STILE_IMAGE": "repository@sha256:1",
            "STILE_MODEL_PACKAGE_GROUP": "group",
            "MLFLOW_TRACKING_URI": "arn:aws:sagemaker:us-east-1:000000000000:mlflow-app/app-1",
            "MLFLOW_EXPERIMENT_NAME": "experiment",
        }
    )
    assert (settings.model, settings.experiment, settings.execution_id) == ("delays", "experiment", "abc")
    assert (settings.image, settings.model_package_group) == ("repository@sha256:1", "group")
    assert settings.tracking_uri == "arn:aws:sagemaker:us-east-1:000000000000:mlflow-app/app-1"


def test_an_unknown_cloud_lists_those_there_are() -> None:
    with pytest.raises(JobError, match="STILE_CLOUD is 'azure'; it can be local, aws, gcp"):
        read_settings({"STILE_CLOUD": "azure"})


@pytest.mark.parametrize(
    ("given", "root", "expected"),
    [
        ("/opt/ml/model", "/jobs/1", "/jobs/1/opt/ml/model"),
        ("/opt/ml/model", "", "/opt/ml/model"),
        ("/opt/mlflow", "/jobs/1", "/opt/mlflow"),
        ("models", "/jobs/1", "models"),
    ],
)
def test_only_the_contracts_paths_move_under_the_root(given: str, root: str, expected: str) -> None:
    assert container_path(given, {"STILE_CONTAINER_ROOT": root}) == Path(expected)


def test_a_fault_of_ours_keeps_its_traceback_and_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unlike a user's mistake; a training job's FailureReason still names it."""
    monkeypatch.setenv("STILE_CONTAINER_ROOT", str(tmp_path))
    (tmp_path / "opt/ml/input/config").mkdir(parents=True)

    def job(_: Sequence[str]) -> None:
        raise ZeroDivisionError("a fault")

    with pytest.raises(ZeroDivisionError):
        command.run(job, [])
    assert (tmp_path / "opt/ml/output/failure").read_text() == "ZeroDivisionError: a fault"


def test_a_mistake_in_a_processing_job_is_its_exit_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILE_CONTAINER_ROOT", str(tmp_path))
    (tmp_path / "opt/ml/config").mkdir(parents=True)

    def job(_: Sequence[str]) -> None:
        raise JobError("x" * 2000)

    assert command.run(job, []) == 1
    assert (tmp_path / "opt/ml/output/message").read_text() == "x" * 1024
    assert not (tmp_path / "opt/ml/output/failure").exists()


def test_without_a_use_case_both_ways_to_name_one_are_told() -> None:
    arguments = command.parser("ingest", "Ingest.", raw="in").parse_args(["--raw", "folder"])
    with pytest.raises(JobError, match="give --use-case NAME or set STILE_USE_CASE"):
        command.use_case_of(arguments)
