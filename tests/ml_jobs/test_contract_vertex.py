"""Protects Vertex AI's container contract: the addresses, variables and exit codes that the platform relies on."""

import json
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import google_auth_httplib2
import httplib2  # type: ignore[import-untyped]  # it ships no types
import pytest

from ml_jobs.artifacts import file_sha256, read_json
from ml_jobs.contracts import cloud_storage, google_apis, vertex
from ml_jobs.errors import JobError
from ml_jobs.use_cases import UseCase
from tests.ml_jobs import cloud_storage as ground
from tests.ml_jobs.serving import (
    LIMIT_SECONDS,
    environment,
    made_up_flights,
)

JOB = {"CLOUD_ML_JOB_ID": "1234", "CLOUD_ML_PROJECT_ID": "100000000000"}
ASKED = ("--use_case=flight_delays", "--candidate=logistic", "--seed=11", "--shuffle_labels=false")


@pytest.fixture(scope="module")
def features(served: ground.Bucket, use_case: UseCase, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("features")
    made_up_flights(use_case, 2000, 3).to_parquet(folder / "features.parquet", index=False)
    served.put_folder("features", folder)
    return served.uri("features")


def _run(bucket: ground.Bucket, folder: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    env = environment(**JOB, **bucket.environment, **variables)
    env.pop("PYTHONWARNINGS")  # MLflow's imports warn of other packages
    return subprocess.run(
        [sys.executable, "-m", "ml_jobs.container", *arguments],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS * 2,
    )


def test_train_takes_options_and_leaves_the_model(bucket: ground.Bucket, features: str, tmp_path: Path) -> None:
    """Hyperparameters come as options, as Vertex AI's tuning sends them; the model goes where AIP_MODEL_DIR says."""
    target = bucket.uri("runs", "run-1", "train-logistic", "model/")
    ended = _run(
        bucket, tmp_path, "train", f"--input=features={features}", *ASKED, AIP_MODEL_DIR=target, STILE_MODEL="flights"
    )
    assert ended.returncode == 0, ended.stdout
    left = tmp_path / "left"
    cloud_storage.download(target, left)
    assert {"model.skops", "lineage.json", "metrics.json", "params.json"} <= {path.name for path in left.iterdir()}
    lineage = read_json(left / "lineage.json")
    assert (lineage["candidate"], lineage["seed"], lineage["shuffle_labels"]) == ("logistic", 11, False)
    assert lineage["model"]["sha256"] == file_sha256(left / "model.skops")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["left", "mlruns"]


def test_a_failed_job_ends_its_output_with_the_reason_and_leaves_nothing(bucket: ground.Bucket, tmp_path: Path) -> None:
    """Vertex AI shows the end of the log: there is no failure file."""
    bucket.put("empty/other.txt", b"no features")
    target = bucket.uri("runs", "failed", "model")
    ended = _run(bucket, tmp_path, "train", f"--input=features={bucket.uri('empty')}", *ASKED, AIP_MODEL_DIR=target)
    assert ended.returncode == 1
    assert ended.stdout.splitlines()[-1].startswith("error: ")
    assert "features.parquet is missing; run ingest first" in ended.stdout.splitlines()[-1]
    assert "Traceback" not in ended.stdout
    assert bucket.names("runs/failed") == []


PROGRAM = """
import json, sys
from pathlib import Path
from ml_jobs.contracts.vertex_job import input_uris
def main(arguments):
    given = dict(zip(arguments[-8::2], arguments[-7::2]))
    read = {path.name: path.read_text() for path in Path(given["--models"]).glob("*/*")}
    Path(given["--report"], "sub").mkdir()
    Path(given["--report"], "sub", "said.json").write_text(json.dumps({"read": read, "rest": arguments[:-8]}))
    Path(given["--uris"], "uris.json").write_text(json.dumps(sorted(input_uris().values())))
    Path(given["--uris"], "empty").touch()
"""


def test_run_gives_a_module_a_folder_for_each_name(
    bucket: ground.Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inputs below one name share a folder, as channels do on SageMaker; where each came from can be asked."""
    (tmp_path / "program_of_a_test.py").write_text(PROGRAM)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("hgb", "logistic"):
        bucket.put(f"run/train-{name}/model/{name}.txt", name.encode())
    bucket.put("run/raw/data.csv", b"a,b")
    vertex.run(
        [
            "program_of_a_test",
            *(f"--input=models/{name}={bucket.uri('run', f'train-{name}', 'model')}" for name in ("hgb", "logistic")),
            f"--input=raw={bucket.uri('run', 'raw')}/",
            f"--output=report={bucket.uri('run', 'report')}",
            f"--output=uris={bucket.uri('run', 'uris')}/",
            "--use-case=flight_delays",
        ]
    )
    said = json.loads(bucket.content("run/report/sub/said.json"))
    assert said == {"read": {"hgb.txt": "hgb", "logistic.txt": "logistic"}, "rest": ["--use-case=flight_delays"]}
    assert json.loads(bucket.content("run/uris/uris.json")) == [
        bucket.uri("run", "raw") + "/",
        bucket.uri("run", "train-hgb", "model"),
        bucket.uri("run", "train-logistic", "model"),
    ]
    assert bucket.content("run/uris/empty") == b""


def test_a_module_that_fails_leaves_nothing(
    bucket: ground.Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = "def main(arguments):\n    open(arguments[1] + '/half', 'w').close()\n    raise SystemExit(143)\n"
    (tmp_path / "failing_program_of_a_test.py").write_text(program)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(SystemExit):
        vertex.run(["failing_program_of_a_test", f"--output=report={bucket.uri('stopped', 'report')}"])
    assert bucket.names("stopped") == []


def test_a_stopped_job_ends_at_once_and_leaves_nothing(bucket: ground.Bucket, tmp_path: Path) -> None:
    """Vertex AI cancels a job with SIGTERM; as process 1 of its container it would not end by itself."""
    program = (
        "import threading\ndef main(arguments):\n    print(*arguments, flush=True)\n    threading.Event().wait()\n"
    )
    (tmp_path / "waiting_program_of_a_test.py").write_text(program)
    (tmp_path / "tmp").mkdir()
    env = environment(**JOB, **bucket.environment, STILE_CONTAINER_ROOT=str(tmp_path))
    env["PYTHONPATH"] += f":{tmp_path}"
    words = ["run", "waiting_program_of_a_test", f"--output=report={bucket.uri('cancelled', 'report')}"]
    with subprocess.Popen(
        [sys.executable, "-m", "ml_jobs.container", *words], env=env, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        killer = threading.Timer(LIMIT_SECONDS, process.kill)
        killer.start()
        assert process.stdout.readline().startswith(f"--report {tmp_path}/tmp/stile-")
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 143
        killer.cancel()
    assert bucket.names("cancelled") == []
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_large_file_goes_there_and_back(bucket: ground.Bucket, tmp_path: Path) -> None:
    """In more chunks than one each way, with a name that has to be encoded."""
    folder = tmp_path / "large"
    (folder / "a b").mkdir(parents=True)
    content = bytes(range(256)) * ((2 * cloud_storage.CHUNK_BYTES + 300_000) // 256)
    (folder / "a b" / "ü#?%2F.bin").write_bytes(content)
    assert cloud_storage.upload(folder, bucket.uri("large", "x")) == 1
    assert bucket.names("large") == ["large/x/a b/ü#?%2F.bin"]
    assert cloud_storage.download(bucket.uri("large"), tmp_path / "back") == 1
    assert (tmp_path / "back" / "x" / "a b" / "ü#?%2F.bin").read_bytes() == content


def test_a_folder_is_not_a_beginning_of_names(bucket: ground.Bucket, tmp_path: Path) -> None:
    """`data` is not `data-2`; an object's own address is a folder with it alone; marks of empty folders are none."""
    for name in ("few/data/a.csv", "few/data/sub/", "few/data-2/b.csv", "few/data.csv"):
        bucket.put(name, b"x")
    assert cloud_storage.download(bucket.uri("few", "data"), tmp_path / "folder") == 1
    assert cloud_storage.download(bucket.uri("few", "data.csv"), tmp_path / "file") == 1
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["a.csv"]
    assert [path.name for path in (tmp_path / "file").iterdir()] == ["data.csv"]


def test_what_cloud_storage_refuses_is_told(bucket: ground.Bucket, tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"gs://stile-data/nothing holds nothing"):
        cloud_storage.download(bucket.uri("nothing"), tmp_path)
    with pytest.raises(JobError, match=r"gs://none-such/x: 404 "):
        cloud_storage.download("gs://none-such/x", tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(JobError, match=r"gs://none-such/x/file: 404 "):
        cloud_storage.upload(tmp_path, "gs://none-such/x")
    bucket.put("escape/../../x", b"x")
    with pytest.raises(JobError, match="would land outside of the job's folder"):
        cloud_storage.download(bucket.uri("escape"), tmp_path / "inside")
    for wrong in ("s3://bucket/a", "bucket/a", "gs:///a", ""):
        with pytest.raises(JobError, match="is no address in Cloud Storage"):
            cloud_storage.split(wrong)


BAD: dict[str, tuple[Sequence[str], str]] = {
    "an unknown option": (["--sed=7"], "unknown option --sed=7; there are input, use_case, candidate, seed"),
    "no features": (["--input=raw=gs://b/raw"], "the input `features` is missing"),
    "no address": (["--input=features=b/raw"], "'b/raw' is no address in Cloud Storage"),
    "no name": (["--input=gs://b/raw"], "--input is 'gs://b/raw'; it must be NAME=gs://<bucket>/<folder>"),
    "a name that leaves": (["--input=../x=gs://b/raw"], "it must be NAME=gs://"),
    "a name twice": (["--input=x=gs://b/1", "--input=x=gs://b/2"], "each NAME once"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_option_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given, message = BAD[name]
    monkeypatch.setenv("AIP_MODEL_DIR", "gs://b/model")
    with pytest.raises(JobError) as raised:
        vertex.train([*given, *ASKED])
    assert message in str(raised.value)


HYPERPARAMETERS: dict[str, tuple[Sequence[str], str]] = {
    "no candidate": (["--use_case=flight_delays"], "the command line lacks candidate"),
    "no use case": (["--candidate=hgb"], "the command line lacks use_case"),
    "a seed that is none": ([*ASKED, "--seed=seven"], "hyperparameter seed is 'seven'; it must be a whole number"),
    "half a truth": ([*ASKED, "--shuffle_labels=1"], "shuffle_labels is '1'; it can be true or false"),
}


@pytest.mark.parametrize("name", HYPERPARAMETERS)
def test_a_bad_hyperparameter_is_named(
    name: str, bucket: ground.Bucket, features: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, message = HYPERPARAMETERS[name]
    monkeypatch.setenv("AIP_MODEL_DIR", bucket.uri("model"))
    with pytest.raises(JobError) as raised:
        vertex.train([f"--input=features={features}", *given])
    assert message in str(raised.value)


def test_train_needs_a_place_for_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIP_MODEL_DIR", raising=False)
    with pytest.raises(JobError, match="AIP_MODEL_DIR is not set: give the job a baseOutputDirectory"):
        vertex.train(["--input=features=gs://b/f", *ASKED])


def test_run_needs_a_module_with_a_main() -> None:
    with pytest.raises(JobError, match=r"there is no module ml_jobs\.none_such"):
        vertex.run(["ml_jobs.none_such"])
    with pytest.raises(JobError, match=r"the module ml_jobs\.errors has no main\(arguments\)"):
        vertex.run(["ml_jobs.errors"])


def test_the_image_runs_nothing_else(bucket: ground.Bucket, tmp_path: Path) -> None:
    """Which contract holds, the platform's own variables say."""
    ended = _run(bucket, tmp_path, "evaluate")
    assert (ended.returncode, ended.stdout) == (1, "error: the image runs train or run or serve, not evaluate\n")


@pytest.mark.parametrize(
    ("service", "variables", "endpoint"),
    [
        ("storage", {}, "https://storage.googleapis.com"),
        ("storage", {"STORAGE_EMULATOR_HOST": "127.0.0.1:9"}, "http://127.0.0.1:9"),
        ("storage", {"STILE_GCP_ENDPOINT": "http://127.0.0.1:8"}, "http://127.0.0.1:8"),
        ("aiplatform", {"GOOGLE_CLOUD_LOCATION": "europe-west4"}, "https://europe-west4-aiplatform.googleapis.com"),
        ("aiplatform", {"STILE_GCP_ENDPOINT": "http://127.0.0.1:8"}, "http://127.0.0.1:8"),
    ],
)
def test_a_service_is_asked_where_it_answers(service: str, variables: Mapping[str, str], endpoint: str) -> None:
    assert google_apis.endpoint_of(service, variables) == endpoint


def test_a_local_cloud_never_sees_the_users_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token that is told, else the job's own from its metadata server, else none."""
    key: dict[str, Any] = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "mine"}
    (tmp_path / "key.json").write_text(json.dumps(key))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    local = "http://127.0.0.1:8"
    assert google_apis.credentials(local, {}).token is None
    assert google_apis.credentials(local, {"CLOUDSDK_AUTH_ACCESS_TOKEN": "test"}).token == "test"
    job = google_apis.credentials(local, {"GCE_METADATA_HOST": "127.0.0.1:9"})
    assert type(job).__module__.startswith("google.auth.compute_engine")
    assert google_apis.credentials("https://storage.googleapis.com", {}).refresh_token == "mine"


def test_no_token_leaves_a_line_in_a_jobs_log(bucket: ground.Bucket, caplog: pytest.LogCaptureFixture) -> None:
    """The library warns of a time limit whenever a job's account gets a token; that alone is left out."""
    library = logging.getLogger("google_auth_httplib2")

    def said() -> list[str]:
        caplog.clear()
        http = httplib2.Http()
        google_auth_httplib2.Request(http)(f"{bucket.environment['STORAGE_EMULATOR_HOST']}/", timeout=3)
        http.close()
        library.warning("something else")
        return [record.getMessage() for record in caplog.records if record.name == library.name]

    library.removeFilter(google_apis._matters)
    assert [one.partition(" ")[0] for one in said()] == ["httplib2", "something"]
    with google_apis.client("storage", "v1"):
        assert said() == ["something else"]
