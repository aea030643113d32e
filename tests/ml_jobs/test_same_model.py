"""Protects that a model depends on data, seed and estimator alone: the same by hand, on SageMaker and on Vertex AI.

Each platform's jobs run in processes of their own, in a folder of its own, as the platform starts them.
"""

import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.pipeline.sagemaker import INPUTS, OUTPUTS
from ml_jobs.artifacts import EVALUATION, METRICS, MODEL, file_sha256, read_json
from ml_jobs.contracts import cloud_storage
from ml_jobs.trained import ARCHIVE
from ml_jobs.use_cases import UseCase
from tests.ml_jobs import cloud_storage as ground
from tests.ml_jobs.serving import LIMIT_SECONDS, environment, made_up_flights

CANDIDATE = "hgb"
SEED = "11"
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Left:
    """What a platform's jobs left.

    Attributes:
        model: the folder that train wrote.
        evaluation: the folder that evaluate wrote, reading that model.
    """

    model: Path
    evaluation: Path

    def held_out(self) -> dict[str, float]:
        """Return all held-out metrics by name, those of each slice too; what cannot be measured is left out."""
        found: dict[str, Any] = read_json(self.evaluation / EVALUATION)["candidates"][CANDIDATE]
        parts = {"all": found["metrics"]["heldout"], **found["slices"]}
        named = {f"{part}.{name}": value for part, values in parts.items() for name, value in values.items()}
        return {name: value for name, value in named.items() if value is not None}


@pytest.fixture
def features(use_case: UseCase, tmp_path: Path) -> Path:
    (tmp_path / "features").mkdir()
    made_up_flights(use_case, 2000, 3).to_parquet(tmp_path / "features/features.parquet", index=False)
    return tmp_path / "features"


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ground.Bucket]:
    """Give a bucket that this process finds as a job does."""
    with ground.bucket(tmp_path / "storage") as bucket:
        for name, value in bucket.environment.items():
            monkeypatch.setenv(name, value)
        yield bucket


def run(folder: Path, module: str, *arguments: str, **variables: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    env = environment(STILE_MODEL="flights", **variables)
    env.pop("PYTHONWARNINGS")  # MLflow's imports warn of other packages
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS * 2,
    )
    assert done.returncode == 0, done.stdout


def by_hand(folder: Path, features: Path) -> Left:
    models, evaluation = folder / "models", folder / "evaluation"
    job = ("--use-case", "flight_delays", "--features", str(features))
    run(folder, "ml_jobs.train", *job, "--candidate", CANDIDATE, "--seed", SEED, "--model", str(models / CANDIDATE))
    run(folder, "ml_jobs.evaluate", *job, "--models", str(models), "--evaluation", str(evaluation))
    return Left(models / CANDIDATE, evaluation)


def on_sagemaker(folder: Path, features: Path) -> Left:
    """A training job, whose model the platform packs into an archive, and a processing job that finds it so."""
    root = folder / "training"
    config, data = root / "opt/ml/input/config", root / "opt/ml/input/data"
    config.mkdir(parents=True)
    data.mkdir(parents=True)
    (data / "features").symlink_to(features)
    asked = {"use_case": "flight_delays", "candidate": CANDIDATE, "seed": SEED, "shuffle_labels": "false"}
    (config / "hyperparameters.json").write_text(json.dumps(asked))
    run(folder, "ml_jobs.container", "train", STILE_CONTAINER_ROOT=str(root), STILE_EXECUTION_ID="on-aws")
    model, second = root / "opt/ml/model", folder / "processing"
    inputs, outputs = (second / path.lstrip("/") for path in (INPUTS, OUTPUTS))
    (inputs / "models" / CANDIDATE).mkdir(parents=True)
    (inputs / "features").symlink_to(features)
    with tarfile.open(inputs / "models" / CANDIDATE / ARCHIVE, "w:gz") as archive:
        archive.add(model, ".")
    folders = ("--features", f"{INPUTS}/features", "--models", f"{INPUTS}/models")
    told = ("--use-case", "flight_delays", *folders, "--evaluation", f"{OUTPUTS}/evaluation")
    run(folder, "ml_jobs.evaluate", *told, STILE_CONTAINER_ROOT=str(second), STILE_EXECUTION_ID="on-aws")
    return Left(model, outputs / "evaluation")


def on_vertex(folder: Path, features: Path, bucket: ground.Bucket) -> Left:
    """Two custom jobs, of which the second reads what the first left in the bucket."""
    bucket.put_folder("features", features)
    variables = {**bucket.environment, "STILE_EXECUTION_ID": "on-gcp"}
    given = f"--input=features={bucket.uri('features')}"
    asked = ("--use_case=flight_delays", f"--candidate={CANDIDATE}", f"--seed={SEED}", "--shuffle_labels=false")
    training = {**variables, "CLOUD_ML_JOB_ID": "1", "AIP_MODEL_DIR": bucket.uri("model")}
    run(folder, "ml_jobs.container", "train", given, *asked, **training)
    folders = (f"--input=models/{CANDIDATE}={bucket.uri('model')}", f"--output=evaluation={bucket.uri('evaluation')}")
    told = ("run", "ml_jobs.evaluate", given, *folders, "--use-case=flight_delays")
    run(folder, "ml_jobs.container", *told, **variables, CLOUD_ML_JOB_ID="2")
    for name in ("model", "evaluation"):
        cloud_storage.download(bucket.uri(name), folder / "fetched" / name)
    return Left(folder / "fetched/model", folder / "fetched/evaluation")


def test_file_and_metrics_are_equal_on_all_platforms(features: Path, tmp_path: Path, storage: ground.Bucket) -> None:
    """The file byte by byte, with what training measured; and what evaluate measures of it, to 1e-9.

    The platforms' adapters leave nothing of themselves in either.
    """
    with ThreadPoolExecutor() as platforms:
        begun = (
            platforms.submit(by_hand, tmp_path / "hand", features),
            platforms.submit(on_sagemaker, tmp_path / "sagemaker", features),
            platforms.submit(on_vertex, tmp_path / "vertex", features, storage),
        )
        hand, *clouds = (each.result() for each in begun)
    expected = hand.held_out()
    assert 0.5 < expected["all.auc"] < 1
    assert expected["all.n"] > 100
    for cloud in clouds:
        assert file_sha256(cloud.model / MODEL) == file_sha256(hand.model / MODEL)
        assert (cloud.model / METRICS).read_text() == (hand.model / METRICS).read_text()
        assert cloud.held_out() == pytest.approx(expected, rel=0, abs=1e-9)
