"""Protects that a model depends on data, seed and estimator alone: the same by hand, on SageMaker and on Vertex AI.

Each runs in a process of its own, in a folder of its own, as its platform starts it.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ml_jobs.artifacts import METRICS, MODEL, file_sha256
from ml_jobs.contracts import cloud_storage
from ml_jobs.use_cases import UseCase
from tests.ml_jobs import cloud_storage as ground
from tests.ml_jobs.serving import LIMIT_SECONDS, environment, made_up_flights

SEED = "11"
pytestmark = pytest.mark.slow


@pytest.fixture
def features(use_case: UseCase, tmp_path: Path) -> Path:
    (tmp_path / "features").mkdir()
    made_up_flights(use_case, 2000, 3).to_parquet(tmp_path / "features/features.parquet", index=False)
    return tmp_path / "features"


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


def by_hand(folder: Path, features: Path, candidate: str) -> Path:
    options = ["--use-case", "flight_delays", "--candidate", candidate, "--seed", SEED]
    run(folder, "ml_jobs.train", *options, "--features", str(features), "--model", str(folder / "model"))
    return folder / "model"


def on_sagemaker(folder: Path, features: Path, candidate: str) -> Path:
    config, data = folder / "opt/ml/input/config", folder / "opt/ml/input/data"
    config.mkdir(parents=True)
    data.mkdir(parents=True)
    (data / "features").symlink_to(features)
    asked = {"use_case": "flight_delays", "candidate": candidate, "seed": SEED, "shuffle_labels": "false"}
    (config / "hyperparameters.json").write_text(json.dumps(asked))
    run(folder, "ml_jobs.container", "train", STILE_CONTAINER_ROOT=str(folder), STILE_EXECUTION_ID="on-aws")
    return folder / "opt/ml/model"


def on_vertex(folder: Path, features: Path, candidate: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    with ground.bucket(folder / "storage") as bucket:
        bucket.put_folder("features", features)
        asked = ["--use_case=flight_delays", f"--candidate={candidate}", f"--seed={SEED}", "--shuffle_labels=false"]
        run(
            folder,
            "ml_jobs.container",
            *("train", f"--input=features={bucket.uri('features')}", *asked),
            **bucket.environment,
            CLOUD_ML_JOB_ID="1",
            AIP_MODEL_DIR=bucket.uri("model"),
            STILE_EXECUTION_ID="on-gcp",
        )
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", bucket.environment["STORAGE_EMULATOR_HOST"])
        cloud_storage.download(bucket.uri("model"), folder / "fetched")
    return folder / "fetched"


def test_the_file_is_equal_byte_by_byte(features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And so is what was measured: the platforms' adapters leave nothing of themselves in either."""
    models = (
        by_hand(tmp_path / "hand", features, "hgb"),
        on_sagemaker(tmp_path / "sagemaker", features, "hgb"),
        on_vertex(tmp_path / "vertex", features, "hgb", monkeypatch),
    )
    assert len({file_sha256(model / MODEL) for model in models}) == 1
    assert len({(model / METRICS).read_text() for model in models}) == 1
