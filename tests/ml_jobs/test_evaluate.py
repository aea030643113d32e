"""Protects the evaluation: held-out metrics that anyone can compute again, the same in MLflow, of the right model."""

import shutil
import tarfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow import MlflowClient
from sklearn.metrics import log_loss, roc_auc_score

from ml_jobs import artifacts, command, matrix, model_file
from ml_jobs import evaluate as job
from ml_jobs.errors import JobError, ModelDigestError
from ml_jobs.evaluate import evaluate
from ml_jobs.registry import Entry, FolderRegistry
from ml_jobs.use_cases import UseCase
from tests.ml_jobs.conftest import settings

CANDIDATES = ("logistic", "hgb")


@pytest.fixture(scope="module")
def evaluation(
    models: Path, workspace: Path, features: Path, use_case: UseCase, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("evaluation")
    evaluate(use_case, settings(workspace), FolderRegistry(folder / "registry"), features, models, folder)
    return folder


@pytest.fixture
def own_models(models: Path, tmp_path: Path) -> Path:
    """Copies of the models, for a test to change."""
    shutil.copytree(models, tmp_path / "own")
    return tmp_path / "own"


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_held_out_metrics_are_those_of_the_model_on_the_held_out_months(
    candidate: str, evaluation: Path, models: Path, table: pd.DataFrame, use_case: UseCase
) -> None:
    rows = table[table["month"].isin([9, 10])]
    model = model_file.load(models / candidate / "model.skops")
    predicted = matrix.probabilities(model, matrix.from_table(rows, use_case))
    found = artifacts.read_json(evaluation / "evaluation.json")["candidates"][candidate]["metrics"]["heldout"]
    assert found["auc"] == pytest.approx(roc_auc_score(rows["late"], predicted), abs=1e-9)
    assert found["log_loss"] == pytest.approx(log_loss(rows["late"], predicted), abs=1e-9)
    assert found["n"] == len(rows) > 5000
    assert found["base_rate"] == pytest.approx(rows["late"].mean(), abs=1e-12)


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_mlflow_holds_the_same_numbers_in_the_run_of_the_training(
    candidate: str, evaluation: Path, models: Path, workspace: Path
) -> None:
    run_id = artifacts.read_json(models / candidate / "lineage.json")["mlflow"]["run_id"]
    client = MlflowClient((workspace / "mlruns").as_uri())
    logged = client.get_run(run_id).data.metrics
    found = artifacts.read_json(evaluation / "evaluation.json")["candidates"][candidate]
    assert found["mlflow_run_id"] == run_id
    heldout = {name: value for name, value in found["metrics"]["heldout"].items() if value is not None}
    assert {name: logged[f"heldout_{name}"] for name in heldout} == pytest.approx(heldout, abs=1e-9)
    assert {"train_auc", "test_auc"} <= logged.keys()
    kept = {item.path for item in client.list_artifacts(run_id, "evaluation")}
    assert kept == {"evaluation/metrics.json", "evaluation/plots", "evaluation/predictions.parquet"}


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_no_sample_scores_as_a_leak_would(candidate: str, evaluation: Path) -> None:
    """With dep_delay among the features it is 0.93. What all data score, test_govern asks."""
    found = artifacts.read_json(evaluation / "evaluation.json")["candidates"][candidate]["metrics"]
    assert 0.5 < found["heldout"]["auc"] < 0.8


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_each_prediction_has_its_event(candidate: str, evaluation: Path, table: pd.DataFrame) -> None:
    folder = evaluation / "candidates" / candidate
    predictions = pd.read_parquet(folder / "predictions.parquet")
    joined = predictions.merge(table, on="event_id", validate="one_to_one", suffixes=("", "_table"))
    assert set(predictions["event_id"]) == set(table.loc[table["part"] == "heldout", "event_id"])
    assert (joined["late"] == joined["late_table"]).all()
    found = artifacts.read_json(folder / "metrics.json")["heldout"]
    assert roc_auc_score(predictions["late"], predictions["probability"]) == pytest.approx(found["auc"], abs=1e-9)
    assert {path.name for path in (folder / "plots").iterdir()} == {"roc_heldout.png", "calibration_heldout.png"}


def test_slices_add_up_to_the_whole(evaluation: Path, table: pd.DataFrame) -> None:
    found = artifacts.read_json(evaluation / "evaluation.json")["candidates"]["hgb"]
    counts = table.loc[table["part"] == "heldout", "carrier"].value_counts()
    assert {name: slice_["n"] for name, slice_ in found["slices"].items()} == counts.to_dict()
    predictions = pd.read_parquet(evaluation / "candidates" / "hgb" / "predictions.parquet")
    united = predictions[predictions["event_id"].str.split("-").str[3] == "UA"]
    assert found["slices"]["UA"]["auc"] == pytest.approx(roc_auc_score(united["late"], united["probability"]), abs=1e-9)


def test_archives_and_folders_are_the_same(
    evaluation: Path, own_models: Path, workspace: Path, features: Path, use_case: UseCase, tmp_path: Path
) -> None:
    """On a cloud each candidate comes as model.tar.gz."""
    for candidate in CANDIDATES:
        _pack(own_models / candidate)
    registry = FolderRegistry(tmp_path / "registry")
    found = evaluate(use_case, settings(workspace), registry, features, own_models, tmp_path / "evaluation")
    assert found == artifacts.read_json(evaluation / "evaluation.json")


def test_the_champion_is_measured_on_the_same_rows(
    evaluation: Path, own_models: Path, workspace: Path, features: Path, use_case: UseCase, tmp_path: Path
) -> None:
    """The newest approved version, from its own files; rejected ones are no champions."""
    registry = FolderRegistry(tmp_path / "registry")
    _register(registry, own_models, "logistic", "Approved")
    _register(registry, own_models, "hgb", "Rejected")
    shutil.rmtree(own_models / "logistic")
    content = evaluate(use_case, settings(workspace), registry, features, own_models, tmp_path / "evaluation")
    expected = artifacts.read_json(evaluation / "evaluation.json")["candidates"]["logistic"]
    champion = content["champion"]
    assert (champion["version"], champion["candidate"]) == ("1", "logistic")
    assert champion["metrics"] == expected["metrics"]["heldout"]
    assert champion["sha256"] == expected["sha256"]
    assert list(content["candidates"]) == ["hgb"]


def test_a_champion_whose_files_changed_is_not_measured(
    own_models: Path, workspace: Path, features: Path, use_case: UseCase, tmp_path: Path
) -> None:
    registry = FolderRegistry(tmp_path / "registry")
    _register(registry, own_models, "hgb", "Approved")
    shutil.copy(own_models / "logistic" / "model.skops", tmp_path / "registry" / "1" / "model" / "model.skops")
    with pytest.raises(ModelDigestError, match=r"the champion, version 1, cannot be evaluated.*reject it"):
        evaluate(use_case, settings(workspace), registry, features, own_models, tmp_path / "evaluation")


def test_a_model_that_is_not_its_lineages_is_refused(
    own_models: Path, workspace: Path, features: Path, use_case: UseCase, tmp_path: Path
) -> None:
    shutil.copy(own_models / "logistic" / "model.skops", own_models / "hgb" / "model.skops")
    registry = FolderRegistry(tmp_path / "registry")
    with pytest.raises(ModelDigestError, match="hgb"):
        evaluate(use_case, settings(workspace), registry, features, own_models, tmp_path / "evaluation")
    assert not (tmp_path / "evaluation" / "evaluation.json").exists()


WRONG: dict[str, tuple[Any, str]] = {
    "no models": (shutil.rmtree, "has no subfolder per candidate"),
    "an unknown candidate": (lambda own: (own / "hgb").rename(own / "xgboost"), "holds xgboost; candidates are"),
    "swapped folders": (lambda own: (own / "hgb").rename(own / "forest"), "forest holds the model of candidate hgb"),
    "no lineage": (lambda own: (own / "hgb" / "lineage.json").unlink(), "hgb lacks lineage.json"),
    "a broken archive": (
        lambda own: (own / "hgb" / "model.tar.gz").write_bytes(b"nothing"),
        "model.tar.gz cannot be unpacked",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_models_that_do_not_fit_are_one_line(
    name: str, own_models: Path, features: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, told = WRONG[name]
    change(own_models)
    folders = {"features": features, "models": own_models, "evaluation": tmp_path / "evaluation"}
    options = [part for option, folder in folders.items() for part in (f"--{option}", str(folder))]
    assert command.run(job.main, ["--use-case", "flight_delays", *options]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert told in error


def test_a_table_without_held_out_months_is_told(
    models: Path, workspace: Path, table: pd.DataFrame, use_case: UseCase, tmp_path: Path
) -> None:
    table[table["part"] != "heldout"].to_parquet(tmp_path / "features.parquet", index=False)
    with pytest.raises(JobError, match="has no rows of heldout"):
        evaluate(use_case, settings(workspace), FolderRegistry(tmp_path), tmp_path, models, tmp_path / "evaluation")


def _pack(folder: Path) -> None:
    paths = sorted(folder.iterdir())
    with tarfile.open(folder / "model.tar.gz", "w:gz") as tar:
        for path in paths:
            tar.add(path, arcname=f"./{path.name}")
    for path in paths:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _register(registry: FolderRegistry, models: Path, candidate: str, status: Any) -> None:
    sha256 = artifacts.file_sha256(models / candidate / "model.skops")
    registry.register(Entry(candidate, sha256, "run-0", status, "because", models / candidate))
