"""Protects training: everything archived and alike in folder and MLflow, one run each, sane scores, no leak."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from sklearn.metrics import brier_score_loss, roc_auc_score

from ml_jobs import command, matrix, model_file
from ml_jobs import train as job
from ml_jobs.artifacts import file_sha256, read_json
from ml_jobs.errors import JobError
from ml_jobs.ingest import ingest
from ml_jobs.train import TrainRequest, train_candidate
from ml_jobs.use_cases import UseCase
from tests.ml_jobs.conftest import settings

FILES = {
    *("model.skops", "metrics.json", "params.json", "predictions.parquet", "lineage.json"),
    *("baseline/statistics.json", "baseline/constraints.json", "baseline/reference.parquet"),
    *("plots/roc_train.png", "plots/roc_test.png", "plots/calibration_train.png", "plots/calibration_test.png"),
}
LEAK_AUC = 0.80  # with dep_delay among the features it is 0.93


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def run_of(models: Path, workspace: Path, candidate: str) -> Any:
    run_id = read_json(models / candidate / "lineage.json")["mlflow"]["run_id"]
    return MlflowClient((workspace / "mlruns").as_uri()).get_run(run_id)


@pytest.mark.parametrize("candidate", ["logistic", "hgb"])
def test_mlflow_holds_what_the_folder_holds(
    candidate: str, models: Path, workspace: Path, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    """Parameters, metrics of both parts and every file, in one finished run."""
    run = run_of(models, workspace, candidate)
    client = MlflowClient((workspace / "mlruns").as_uri())
    metrics = read_json(models / candidate / "metrics.json")
    for part in ("train", "test"):
        assert run.data.metrics[f"{part}_auc"] == metrics[part]["auc"]
        assert run.data.metrics[f"{part}_n"] == metrics[part]["n"]
    params = read_json(models / candidate / "params.json")
    assert run.data.params == {name: str(value) for name, value in params.items()}
    assert run.info.status == "FINISHED"
    logged = Path(client.download_artifacts(run.info.run_id, "", str(tmp_path)))
    # Evaluate and govern, whose tests share this run, add theirs.
    trained = {name for name in files_of(logged) if not name.startswith(("evaluation/", "decision"))}
    assert trained == files_of(models / candidate) == FILES
    assert file_sha256(logged / "model.skops") == file_sha256(models / candidate / "model.skops")
    assert not recwarn


def test_each_training_is_one_run(models: Path, workspace: Path) -> None:
    client = MlflowClient((workspace / "mlruns").as_uri())
    experiment = client.get_experiment_by_name("flights")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert sorted(run.data.tags["stile.candidate"] for run in runs) == ["hgb", "logistic"]


@pytest.mark.parametrize("candidate", ["logistic", "hgb"])
def test_metrics_are_those_of_the_archived_predictions(candidate: str, models: Path, table: pd.DataFrame) -> None:
    """Recomputed from predictions.parquet, whose rows are named by their events."""
    predictions = pd.read_parquet(models / candidate / "predictions.parquet")
    metrics = read_json(models / candidate / "metrics.json")
    for part, rows in predictions.groupby("part"):
        assert metrics[str(part)]["auc"] == pytest.approx(roc_auc_score(rows["late"], rows["probability"]), abs=1e-12)
        brier = brier_score_loss(rows["late"], rows["probability"])
        assert metrics[str(part)]["brier"] == pytest.approx(brier, abs=1e-12)
    expected = table[table["part"].isin(["train", "test"])].set_index("event_id")["late"]
    pd.testing.assert_series_equal(predictions.set_index("event_id")["late"], expected)


def test_lineage_names_data_code_and_model(models: Path, features: Path) -> None:
    lineage = read_json(models / "hgb" / "lineage.json")
    assert lineage["data"]["features_sha256"] == file_sha256(features / "features.parquet")
    assert lineage["data"]["inputs"] == read_json(features / "lineage.json")["inputs"]
    assert lineage["model"]["sha256"] == file_sha256(models / "hgb" / "model.skops")
    assert len(lineage["code_sha256"]) == 64
    assert (lineage["candidate"], lineage["seed"], lineage["shuffle_labels"]) == ("hgb", 7, False)


def test_the_baseline_describes_the_training_months(models: Path, table: pd.DataFrame, use_case: UseCase) -> None:
    baseline = read_json(models / "hgb" / "baseline" / "statistics.json")
    rows = table[table["part"] == "train"]
    assert baseline["dataset"]["item_count"] == len(rows)
    assert [feature["name"] for feature in baseline["features"]] == list(use_case.features)
    described = {feature["name"]: feature for feature in baseline["features"]}
    temperature = described["temp"]["numerical_statistics"]
    assert temperature["mean"] == pytest.approx(rows["temp"].mean())
    assert temperature["common"]["num_missing"] == int(rows["temp"].isna().sum())
    buckets = temperature["distribution"]["kll"]["buckets"]
    assert sum(bucket["count"] for bucket in buckets) == temperature["common"]["num_present"]
    origins = described["origin"]["string_statistics"]["distribution"]["categorical"]["buckets"]
    assert {bucket["value"]: bucket["count"] for bucket in origins} == rows["origin"].value_counts().to_dict()


def test_the_same_seed_gives_the_same_model_and_another_gives_another(
    models: Path, features: Path, use_case: UseCase, tmp_path: Path
) -> None:
    again = train_candidate(use_case, settings(tmp_path), TrainRequest("hgb"), features, tmp_path / "again")
    other = train_candidate(use_case, settings(tmp_path), TrainRequest("hgb", seed=8), features, tmp_path / "other")
    assert again.sha256 == file_sha256(models / "hgb" / "model.skops") != other.sha256


def test_shuffled_labels_are_the_same_labels_in_another_order() -> None:
    labels = np.array([1, 0, 0, 0, 1, 0, 0, 1] * 50)
    first, again, other = job.shuffled(labels, 7), job.shuffled(labels, 7), job.shuffled(labels, 8)
    assert first.sum() == labels.sum()
    assert (first == again).all()
    assert (first != labels).any()
    assert (first != other).any()


def test_a_failed_training_is_a_failed_run(features: Path, use_case: UseCase, tmp_path: Path) -> None:
    """The failure is seen in MLflow too, and the run is not left running."""
    (tmp_path / "model").write_text("a file where the folder should be")
    with pytest.raises(FileExistsError):
        train_candidate(use_case, settings(tmp_path), TrainRequest("logistic"), features, tmp_path / "model")
    client = MlflowClient((tmp_path / "mlruns").as_uri())
    experiment = client.get_experiment_by_name("flights")
    assert experiment is not None
    assert [run.info.status for run in client.search_runs([experiment.experiment_id])] == ["FAILED"]


def test_the_command_line_uses_mlruns_of_the_working_directory(
    features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STILE_USE_CASE", "flight_delays")
    arguments = ["--features", str(features), "--model", str(tmp_path / "model"), "--candidate", "logistic"]
    assert command.run(job.main, [*arguments, "--shuffle-labels"]) == 0
    assert files_of(tmp_path / "model") == FILES
    assert read_json(tmp_path / "model" / "params.json")["shuffle_labels"] is True
    assert (tmp_path / "mlruns").is_dir()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--candidate", "svm"], "error: no candidate 'svm' in flight_delays; there are: logistic, hgb, forest\n"),
        (["--candidate", "hgb", "--use-case", "trains"], "error: no use case 'trains' in ml_jobs/use_cases;"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], message: str, features: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--use-case", "flight_delays", "--features", str(features), "--model", str(tmp_path / "m"), *arguments]
    assert command.run(job.main, given) == 1
    error = capsys.readouterr().err
    assert error.startswith(message)
    assert error.count("\n") == 1


def test_missing_parts_are_named(features: Path, use_case: UseCase, tmp_path: Path) -> None:
    table = pd.read_parquet(features / "features.parquet")
    shutil.copy(features / "lineage.json", tmp_path)
    table[table["part"] != "test"].to_parquet(tmp_path / "features.parquet")
    with pytest.raises(JobError, match="has no rows of test"):
        train_candidate(use_case, settings(tmp_path), TrainRequest("hgb"), tmp_path, tmp_path / "model")


@pytest.fixture(scope="session")
def full_features(full_raw: Path, use_case: UseCase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("full_features")
    ingest(use_case, full_raw, folder)
    return folder


def held_out_auc(model: Path, features: Path, use_case: UseCase) -> float:
    rows = pd.read_parquet(features / "features.parquet", filters=[("part", "==", "heldout")])
    loaded = model_file.load(model / "model.skops")
    return float(roc_auc_score(rows["late"], matrix.probabilities(loaded, matrix.from_table(rows, use_case))))


@pytest.mark.slow
@pytest.mark.parametrize("candidate", ["logistic", "hgb", "forest"])
def test_all_data_give_a_sensible_score_and_shuffled_labels_none(
    candidate: str, full_features: Path, use_case: UseCase, tmp_path: Path
) -> None:
    """A held-out AUC near 0.7: far more would be a leak; and with shuffled labels nothing is learnt."""
    for shuffle, (lowest, highest) in {False: (0.66, LEAK_AUC), True: (0.48, 0.52)}.items():
        request = TrainRequest(candidate, shuffle_labels=shuffle)
        train_candidate(use_case, settings(tmp_path), request, full_features, tmp_path / str(shuffle))
        assert lowest < held_out_auc(tmp_path / str(shuffle), full_features, use_case) < highest
