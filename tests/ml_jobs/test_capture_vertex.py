"""Protects captured requests on Vertex AI: what is kept, in SageMaker's layout, and never what is masked."""

import json
import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ml_jobs.contracts.capture import Capture, Exchange, masked, record
from ml_jobs.errors import JobError
from ml_jobs.use_cases import UseCase
from tests.ml_jobs import cloud_storage as ground
from tests.ml_jobs.serving import client, environment, instances, made_up_flights, save_model, started

ROUTE = "/v1/endpoints/12/deployedModels/34"
KEY = re.compile(r"capture/flights/34/\d{4}/\d\d/\d\d/\d\d/\d\d-\d\d-\d{3}-[0-9a-f-]{36}\.jsonl")


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    with ground.bucket(tmp_path / "storage") as made:
        for name, value in made.environment.items():
            monkeypatch.setenv(name, value)
        yield made


def settings(bucket: ground.Bucket, **changes: str) -> dict[str, str]:
    told = {"STILE_CAPTURE_URI": bucket.uri("capture", "flights"), "STILE_CAPTURE_SHARE": "1"}
    return {**told, "AIP_DEPLOYED_MODEL_ID": "34", **changes}


def lines(bucket: ground.Bucket) -> list[dict[str, Any]]:
    names = bucket.names("capture/")
    assert all(KEY.fullmatch(name) for name in names), names
    return [json.loads(line) for name in names for line in bucket.content(name).decode().splitlines()]


def test_a_served_request_is_kept_with_its_answer_and_without_what_is_masked(
    bucket: ground.Bucket, use_case: UseCase, tmp_path: Path
) -> None:
    """From the container's own process: what waits is written when it ends. Refused requests and pings are not kept."""
    digest = save_model(use_case, "hgb", tmp_path / "model")
    bucket.put_folder("served", tmp_path / "model")
    rows = instances(made_up_flights(use_case, 5, 4), use_case)
    variables = environment(
        **bucket.environment,
        **settings(bucket, STILE_CAPTURE_MASK="origin,dest"),
        AIP_HTTP_PORT="0",
        AIP_STORAGE_URI=bucket.uri("served"),
        AIP_PREDICT_ROUTE=f"{ROUTE}:predict",
        AIP_HEALTH_ROUTE=ROUTE,
        STILE_GCP_ENDPOINT="http://127.0.0.1:4567",
        STILE_CLOUD="gcp",
        STILE_USE_CASE="flight_delays",
        STILE_MODEL_SHA256=digest,
    )
    assert {"origin", "dest"} <= rows[0].keys()
    with started("container", ["serve"], variables, tmp_path) as running, client(running) as asked:
        assert asked.get(ROUTE).status_code == 200
        answer = asked.post(f"{ROUTE}:predict", json={"instances": rows}).json()
        assert asked.post(f"{ROUTE}:predict", json={"instances": []}).status_code == 400
        running.process.send_signal(signal.SIGTERM)
        assert running.ended() == 0, running.output
    (kept,) = lines(bucket)
    given, answered = (kept["captureData"][side] for side in ("endpointInput", "endpointOutput"))
    assert json.loads(given["data"]) == {
        "instances": [{key: value for key, value in row.items() if key not in ("origin", "dest")} for row in rows]
    }
    assert json.loads(answered["data"])["predictions"] == answer["predictions"]
    assert json.loads(answered["data"])["model"]["sha256"] == digest
    assert (given["mode"], answered["mode"], kept["eventVersion"]) == ("INPUT", "OUTPUT", "0")


def test_the_share_is_a_share(bucket: ground.Bucket, tmp_path: Path) -> None:
    """Within the bounds that one in a billion samples of 2,000 leaves."""
    (tmp_path / "scratch").mkdir()
    captured = Capture.of(settings(bucket, STILE_CAPTURE_SHARE="0.2"), tmp_path / "scratch")
    assert captured is not None
    for number in range(2000):
        captured.note(b'{"instances": [{"n": %d}]}' % number, b"{}")
    captured.close()
    kept = lines(bucket)
    assert 290 < len(kept) < 510
    assert len({each["eventMetadata"]["eventId"] for each in kept}) == len(kept)
    assert list((tmp_path / "scratch").iterdir()) == []


def test_serving_goes_on_where_nothing_can_be_written(
    bucket: ground.Bucket, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    captured = Capture("gs://no-such-bucket/capture", 1, frozenset(), tmp_path)
    captured.note(b"{}", b"{}")
    captured.close()
    assert "1 captured exchanges are lost" in caplog.text
    assert list(tmp_path.glob("*.jsonl")) == []


@pytest.mark.parametrize(
    "environ",
    [{}, {"STILE_CAPTURE_URI": "gs://b/c"}, {"STILE_CAPTURE_SHARE": "1"}, {"STILE_CAPTURE_SHARE": "0"}],
)
def test_nothing_is_kept_that_nobody_asked_for(environ: Mapping[str, str], tmp_path: Path) -> None:
    assert Capture.of(environ, tmp_path) is None


@pytest.mark.parametrize("share", ["much", "-0.1", "1.5", "nan"])
def test_a_share_that_is_none_is_told(share: str, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="STILE_CAPTURE_SHARE"):
        Capture.of({"STILE_CAPTURE_URI": "gs://b/c", "STILE_CAPTURE_SHARE": share}, tmp_path)


def test_masks_take_names_out_of_every_instance() -> None:
    body = b'{"instances": [{"a": 1, "b": 2}, {"b": 3}]}'
    assert json.loads(masked(body, frozenset({"a", "c"}))) == {"instances": [{"b": 2}, {"b": 3}]}
    assert masked(body, frozenset()) == body.decode()


def test_a_line_says_when(bucket: ground.Bucket) -> None:
    line = record(Exchange(b"{}", b"{}"), frozenset())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", line["eventMetadata"]["inferenceTime"])
