"""Protects SageMaker's container contract: the files, variables and exit codes that the platform relies on."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from ml_jobs.artifacts import file_sha256, read_json
from ml_jobs.contracts import addresses, sagemaker, sagemaker_job
from ml_jobs.errors import JobError
from ml_jobs.use_cases import UseCase
from tests.ml_jobs.serving import (
    LIMIT_SECONDS,
    client,
    environment,
    instances,
    made_up_flights,
    save_model,
    started,
)

ASKED = {"use_case": "flight_delays", "candidate": "logistic", "seed": "11", "shuffle_labels": "false"}


@pytest.fixture
def container(tmp_path: Path, use_case: UseCase) -> Path:
    """Make the root of a training job's container: configuration and the channel, as the platform leaves them."""
    root = tmp_path / "root"
    channel = root / "opt/ml/input/data/features"
    channel.mkdir(parents=True)
    (root / "opt/ml/model").mkdir()
    made_up_flights(use_case, 2000, 3).to_parquet(channel / "features.parquet", index=False)
    _ask(root, ASKED)
    return root


def _ask(root: Path, hyperparameters: Any) -> None:
    path = root / "opt/ml/input/config/hyperparameters.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(hyperparameters))


def _run(root: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    env = environment(STILE_CONTAINER_ROOT=str(root), **variables)
    env.pop("PYTHONWARNINGS")  # MLflow's imports warn of other packages
    return subprocess.run(
        [sys.executable, "-m", "ml_jobs.container", *arguments],
        cwd=root,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS * 2,
    )


def _failure(root: Path) -> str:
    return (root / "opt/ml/output/failure").read_text()


def test_train_takes_texts_and_leaves_the_model(container: Path) -> None:
    """The platform gives every hyperparameter as a text, and some of its own."""
    _ask(container, {**ASKED, "sagemaker_region": "us-east-1"})
    ended = _run(container, "train", STILE_MODEL="flights")
    assert ended.returncode == 0, ended.stdout
    model = container / "opt/ml/model"
    assert {"model.skops", "lineage.json", "metrics.json", "params.json"} <= {path.name for path in model.iterdir()}
    lineage = read_json(model / "lineage.json")
    assert (lineage["candidate"], lineage["seed"], lineage["shuffle_labels"]) == ("logistic", 11, False)
    assert lineage["model"]["sha256"] == file_sha256(model / "model.skops")
    assert not (container / "opt/ml/output/failure").exists()


def test_a_failed_training_says_why_where_the_platform_looks(container: Path) -> None:
    (container / "opt/ml/input/data/features/features.parquet").unlink()
    ended = _run(container, "train")
    assert ended.returncode == 1
    assert "features.parquet is missing; run ingest first" in _failure(container)
    assert "Traceback" not in ended.stdout


BAD: dict[str, tuple[Mapping[str, str], str]] = {
    "an unknown name": ({**ASKED, "sed": "7"}, "unknown hyperparameter sed; there are use_case, candidate, seed"),
    "no candidate": ({"use_case": "flight_delays"}, "hyperparameters.json lacks candidate"),
    "no use case": ({"candidate": "hgb"}, "hyperparameters.json lacks use_case"),
    "a seed that is none": ({**ASKED, "seed": "seven"}, "hyperparameter seed is 'seven'; it must be a whole number"),
    "half a truth": ({**ASKED, "shuffle_labels": "1"}, "hyperparameter shuffle_labels is '1'; it can be true or false"),
    "another candidate": ({**ASKED, "candidate": "svm"}, "there are: logistic, hgb, forest"),
    "another use case": ({**ASKED, "use_case": "trains"}, "there are: flight_delays"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_hyperparameter_is_named(name: str, container: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, message = BAD[name]
    _ask(container, given)
    monkeypatch.setenv("STILE_CONTAINER_ROOT", str(container))
    with pytest.raises(JobError) as raised:
        sagemaker.train([])
    assert message in str(raised.value)


def test_hyperparameters_may_be_quoted(container: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The vendor's SDK sends each value as JSON."""
    _ask(container, {name: json.dumps(value) for name, value in ASKED.items()})
    monkeypatch.setenv("STILE_CONTAINER_ROOT", str(container))
    assert sagemaker.hyperparameters() == ASKED


def test_the_channel_must_be_there(container: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = container / "opt/ml/input/data/features"
    channel.rename(channel.with_name("other"))
    monkeypatch.setenv("STILE_CONTAINER_ROOT", str(container))
    with pytest.raises(JobError, match="the channel `features` is missing"):
        sagemaker.train([])
    with pytest.raises(JobError, match=r"from hyperparameters\.json, not --seed 7"):
        sagemaker.train(["--seed", "7"])


def test_a_failure_is_reported_by_the_kind_of_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FailureReason of training, ExitMessage of processing; by hand, with no platform, nothing is written."""
    monkeypatch.setenv("STILE_CONTAINER_ROOT", str(tmp_path))
    sagemaker_job.report_failure("nobody reads this")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "opt/ml/config").mkdir(parents=True)
    sagemaker_job.report_failure("x" * 5000)
    assert (tmp_path / "opt/ml/output/message").read_text() == "x" * sagemaker_job.MAX_MESSAGE_CHARACTERS
    assert not (tmp_path / "opt/ml/output/failure").exists()


def test_the_image_runs_nothing_else(tmp_path: Path) -> None:
    ended = _run(tmp_path, "evaluate")
    assert (ended.returncode, ended.stdout) == (1, "error: the image runs train or serve, not evaluate\n")


def test_serve_answers_on_the_port_that_the_platform_names(use_case: UseCase, tmp_path: Path) -> None:
    """The model lies extracted in /opt/ml/model; the released digest, name and version come by the environment."""
    digest = save_model(use_case, "hgb", tmp_path / "opt/ml/model")
    variables = environment(
        STILE_CONTAINER_ROOT=str(tmp_path),
        SAGEMAKER_BIND_TO_PORT="0",
        AWS_ENDPOINT_URL="http://127.0.0.1:4566",
        STILE_CLOUD="aws",
        STILE_MODEL="flights",
        STILE_USE_CASE="flight_delays",
        STILE_MODEL_VERSION="4",
        STILE_MODEL_SHA256=digest,
    )
    rows = instances(made_up_flights(use_case, 5, 4), use_case)
    with started("container", ["serve"], variables, tmp_path) as running, client(running) as asked:
        assert httpx.URL(running.url()).host == "127.0.0.1"
        assert asked.get("/ping").status_code == 200
        answer = asked.post("/invocations", json={"instances": rows}).json()
    assert answer["model"] == {"name": "flights", "version": "4", "sha256": digest}
    assert len(answer["predictions"]) == 5


def test_serve_ends_where_the_released_model_is_not_there(use_case: UseCase, tmp_path: Path) -> None:
    digest = save_model(use_case, "hgb", tmp_path / "opt/ml/model")
    wrong = {"STILE_USE_CASE": "flight_delays", "STILE_MODEL_SHA256": "cd" * 32, "STILE_BIND_HOST": "127.0.0.1"}
    ended = _run(tmp_path, "serve", **wrong)
    assert ended.returncode == 1
    assert ended.stdout.count("\n") == 1
    assert digest in ended.stdout
    assert "cd" * 32 in ended.stdout


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "STILE_USE_CASE is not set"),
        ({"STILE_USE_CASE": "flight_delays", "SAGEMAKER_BIND_TO_PORT": "80a"}, "SAGEMAKER_BIND_TO_PORT is '80a'"),
    ],
)
def test_serve_needs_its_variables(variables: Mapping[str, str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(JobError, match=message):
        sagemaker.serve([])


@pytest.mark.parametrize(
    ("variables", "host"),
    [
        ({}, "0.0.0.0"),
        ({"AWS_ENDPOINT_URL": "https://sagemaker.us-east-1.amazonaws.com"}, "0.0.0.0"),
        ({"AWS_ENDPOINT_URL": "https://127.0.0.1.example.com"}, "0.0.0.0"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, "127.0.0.1"),
        ({"AWS_ENDPOINT_URL": "http://localhost:4566"}, "127.0.0.1"),
        ({"STILE_BIND_HOST": "127.0.0.1"}, "127.0.0.1"),
        ({"STILE_BIND_HOST": "0.0.0.0", "AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, "0.0.0.0"),
    ],
)
def test_a_local_cloud_is_served_on_loopback_only(variables: Mapping[str, str], host: str) -> None:
    """Locally nothing may be reachable from outside; on SageMaker the proxy comes from outside the container."""
    assert addresses.bind_host(variables, sagemaker.ENDPOINT) == host
