"""Protects serving: answers are the model's own, bad requests are told what is wrong, a wrong model is refused."""

import asyncio
import json
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from threadpoolctl import threadpool_info  # type: ignore[import-untyped]  # it ships no types

from ml_jobs import matrix, model_file
from ml_jobs.artifacts import file_sha256
from ml_jobs.errors import JobError
from ml_jobs.http_answers import MAX_BODY_BYTES
from ml_jobs.http_server import listening_socket
from ml_jobs.serve import load_predictor
from ml_jobs.serving_app import (
    MAX_PROBLEMS,
    MAX_ROWS,
    Predictor,
    ServedModel,
    make_app,
    prediction_thread,
)
from ml_jobs.use_cases import UseCase
from tests.ml_jobs.serving import Server, client, environment, instances, made_up_flights, save_model, started

Row = dict[str, Any]


@pytest.fixture(scope="module", params=["logistic", "hgb", "forest"])
def candidate(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folders(use_case: UseCase, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {name: tmp_path_factory.mktemp(name) for name in use_case.candidates}
    for name, folder in made.items():
        save_model(use_case, name, folder)
    return made


@pytest.fixture(scope="module")
def server(folders: dict[str, Path]) -> Iterator[Server]:
    """Serve one model for the tests of requests."""
    released = environment(STILE_MODEL="flights", STILE_MODEL_VERSION="3")
    arguments = ["--model", str(folders["hgb"]), "--use-case", "flight_delays", "--port", "0"]
    with started("serve", arguments, released, folders["hgb"]) as running:
        yield running


@pytest.fixture
def asked(server: Server) -> Iterator[httpx.Client]:
    with client(server) as made:
        yield made


@pytest.fixture
def rows(use_case: UseCase) -> list[Row]:
    return instances(made_up_flights(use_case, 300, 2), use_case)


def test_every_candidate_answers_exactly_as_the_loaded_model(
    candidate: str, folders: dict[str, Path], use_case: UseCase, rows: list[Row]
) -> None:
    """Not one bit is lost on the way through JSON, in rows with missing numbers and categories never seen too."""
    rows[0]["carrier"] = "never seen"
    arguments = ["--model", str(folders[candidate]), "--port", "0"]
    told = environment(STILE_USE_CASE="flight_delays")
    with started("serve", arguments, told, folders[candidate]) as running, client(running) as asked:
        answer = asked.post("/invocations", json={"instances": rows}).json()
    table = made_up_flights(use_case, 300, 2)
    table.loc[0, "carrier"] = "never seen"
    model = model_file.load(folders[candidate] / "model.skops")
    direct = matrix.probabilities(model, matrix.from_table(table, use_case))
    assert table["temp"].isna().any()
    assert [entry["probability"] for entry in answer["predictions"]] == direct.tolist()
    assert [entry["late"] for entry in answer["predictions"]] == (direct >= use_case.threshold).tolist()
    assert [entry["event_id"] for entry in answer["predictions"]] == [row["event_id"] for row in rows]
    assert len(set(direct.tolist())) > 100


def test_a_row_is_predicted_alike_whatever_rows_are_beside_it(
    candidate: str, folders: dict[str, Path], use_case: UseCase
) -> None:
    """Requests that wait are predicted together: who else asks must not change a bit of an answer."""
    model = model_file.load(folders[candidate] / "model.skops")
    rows = matrix.from_table(made_up_flights(use_case, 200, 3), use_case)
    alone = [matrix.probabilities(model, rows[[row]]).item() for row in range(len(rows))]
    for together in (2, 7, 200):
        starts = range(0, len(rows), together)
        predicted = [matrix.probabilities(model, rows[start : start + together]) for start in starts]
        assert np.concatenate(predicted).tolist() == alone


def test_clients_at_once_each_get_the_predictions_of_their_own_rows(
    server: Server, folders: dict[str, Path], use_case: UseCase, rows: list[Row]
) -> None:
    model = model_file.load(folders["hgb"] / "model.skops")
    expected = matrix.probabilities(model, matrix.from_instances(rows, use_case)).tolist()

    def ask(share: list[Row]) -> list[tuple[str, float]]:
        with client(server) as asked:
            answers = [asked.post("/invocations", json={"instances": [row]}).json() for row in share]
        return [(answer["predictions"][0]["event_id"], answer["predictions"][0]["probability"]) for answer in answers]

    with ThreadPoolExecutor(8) as clients:
        told = dict(found for share in clients.map(ask, [rows[start::8] for start in range(8)]) for found in share)
    assert told == dict(zip([row["event_id"] for row in rows], expected, strict=True))


def test_the_answer_names_the_model(asked: httpx.Client, folders: dict[str, Path], rows: list[Row]) -> None:
    answer = asked.post("/invocations", json={"instances": rows})
    digest = file_sha256(folders["hgb"] / "model.skops")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["model"] == {"name": "flights", "version": "3", "sha256": digest}
    assert {entry["late"] for entry in answer.json()["predictions"]} == {True, False}
    assert asked.get("/ping").status_code == 200


def _bad_rows(rows: list[Row], **changes: Any) -> bytes:
    return json.dumps({"instances": [*rows[:3], {**rows[3], **changes}]}).encode()


BODIES: dict[str, tuple[bytes, str | None, str]] = {
    "not JSON": (b"carrier,origin", None, "is no JSON"),
    "not UTF-8": (b'{"instances": "\xff"}', None, "is no JSON"),
    "nested without end": (b"[" * 100_000, None, "is no JSON"),
    "a number of too many digits": (b'{"instances": ' + b"9" * 5000 + b"}", None, "is no JSON"),
    "a list": (b"[]", None, "must be an object"),
    "nothing": (b"", None, "is no JSON"),
    "no instances": (b"{}", "instances", "is missing"),
    "empty": (b'{"instances": []}', "instances", "must be a list that is not empty"),
    "an object for the list": (b'{"instances": {}}', "instances", "must be a list that is not empty"),
    "another key": (b'{"instances": [{}], "inputs": []}', "inputs", "is unknown"),
    "too many rows": (json.dumps({"instances": [0] * (MAX_ROWS + 1)}).encode(), "instances", f"at most {MAX_ROWS}"),
    "no object": (b'{"instances": [7]}', "instances[0]", "is no object"),
}
CHANGES: dict[str, tuple[Row, str, str]] = {
    "text for a number": ({"distance": "far"}, "instances[3].distance", "must be a number or null"),
    "truth for a number": ({"seats": True}, "instances[3].seats", "must be a number or null"),
    "not a number": ({"temp": float("nan")}, "instances[3].temp", "must be a finite number or null"),
    "infinite": ({"temp": 10**400}, "instances[3].temp", "must be a finite number or null"),
    "number for a text": ({"carrier": 7}, "instances[3].carrier", "must be a text"),
    "null for a text": ({"carrier": None}, "instances[3].carrier", "must be a text"),
    "an unknown feature": ({"dep_delay": 1.0}, "instances[3].dep_delay", "is no feature"),
    "the label": ({"late": 1}, "instances[3].late", "is no feature"),
    "an empty event": ({"event_id": ""}, "instances[3].event_id", "must be a text that is not empty"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_told(name: str, asked: httpx.Client) -> None:
    body, path, message = BODIES[name]
    answer = asked.post("/invocations", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["path"]) == (400, path)
    assert message in answer.json()["error"]["message"]


@pytest.mark.parametrize("name", CHANGES)
def test_a_bad_value_is_told_with_its_path(name: str, asked: httpx.Client, rows: list[Row]) -> None:
    changes, path, message = CHANGES[name]
    answer = asked.post(
        "/invocations", content=_bad_rows(rows, **changes), headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["error"]["path"]) == (400, path)
    assert message in answer.json()["error"]["message"]
    assert len(answer.json()["problems"]) == 1


def test_a_missing_column_is_told(asked: httpx.Client, rows: list[Row]) -> None:
    del rows[1]["humid"]
    answer = asked.post("/invocations", json={"instances": rows})
    assert answer.status_code == 400
    assert answer.json()["error"] == {"message": "is missing", "path": "instances[1].humid"}


def test_all_problems_are_told_at_once(asked: httpx.Client, rows: list[Row]) -> None:
    del rows[1]["humid"], rows[1]["origin"]
    rows[1] |= {"distance": "far", "a.b": 1, "": 2}
    rows[4] = {**rows[4], "event_id": None}
    answer = asked.post("/invocations", json={"instances": rows}).json()
    told = [problem["path"] for problem in answer["problems"]]
    first = "instances[1]"
    paths = {f"{first}.", f"{first}.a.b", f"{first}.humid", f"{first}.origin", f"{first}.distance"}
    assert set(told) == {*paths, "instances[4].event_id"}
    assert len(told) == 6
    assert answer["error"] == answer["problems"][0]


def test_a_flood_of_problems_is_cut(asked: httpx.Client) -> None:
    answer = asked.post("/invocations", json={"instances": [{}] * 100})
    assert len(answer.json()["problems"]) == MAX_PROBLEMS


def test_half_a_surrogate_pair_is_answered(asked: httpx.Client, rows: list[Row]) -> None:
    """JSON can hold what UTF-8 cannot: it must come back as it went, not end as a fault of the server."""
    rows[0] |= {"event_id": "\ud800", "carrier": "\udfff"}
    answer = asked.post("/invocations", content=json.dumps({"instances": rows[:1]}))
    assert answer.status_code == 200
    assert answer.json()["predictions"][0]["event_id"] == "\ud800"


def test_other_content_types_paths_and_methods(asked: httpx.Client, rows: list[Row]) -> None:
    body = json.dumps({"instances": rows[:1]}).encode()
    answer = asked.post("/invocations", content=body, headers={"content-type": "text/csv"})
    assert answer.status_code == 415
    assert "text/csv" in answer.json()["error"]["message"]
    told = asked.post("/invocations", content=body, headers={"content-type": "application/json; charset=utf-8"})
    assert told.status_code == 200
    assert asked.post("/predict", content=body).status_code == 404
    wrong = asked.get("/invocations")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert "GET /invocations" in wrong.json()["error"]["message"]


def test_a_body_without_measure_is_refused(asked: httpx.Client) -> None:
    answer = asked.post("/invocations", content=b" " * (MAX_BODY_BYTES + 1))
    assert answer.status_code == 413


def test_an_error_is_one_structured_line_and_success_is_silent(
    folders: dict[str, Path], rows: list[Row], tmp_path: Path
) -> None:
    arguments = ["--model", str(folders["hgb"]), "--use-case", "flight_delays", "--port", "0"]
    with started("serve", arguments, environment(), tmp_path) as running, client(running) as asked:
        before = len(running.lines)
        assert asked.post("/invocations", json={"instances": rows}).status_code == 200
        assert asked.post("/invocations", json={"instances": [{**rows[0], "seats": "many\n"}]}).status_code == 400
        running.process.send_signal(signal.SIGTERM)  # the client's idle connection must not hold up the end
        assert running.ended() == 0
    line, stopped = running.lines[before:]
    logged = json.loads(line[line.index("{") :])
    assert logged == {"status": 400, "message": "must be a number or null", "path": "instances[0].seats"}
    assert stopped.endswith("stopped")


def test_another_model_than_the_released_one_is_refused(folders: dict[str, Path]) -> None:
    """It ends before it listens, so that no ping is ever answered; one line names both digests."""
    folder, wrong = folders["logistic"], "ab" * 32
    right = file_sha256(folder / "model.skops")
    arguments = ["--model", str(folder), "--use-case", "flight_delays", "--port", "0"]
    with started("serve", arguments, environment(STILE_MODEL_SHA256=wrong), folder) as running:
        assert running.ended() == 1
    (line,) = running.lines
    assert line.startswith("error: ")
    assert right in line
    assert wrong in line
    with (
        started("serve", arguments, environment(STILE_MODEL_SHA256=right), folder) as running,
        client(running) as asked,
    ):
        assert asked.get("/ping").status_code == 200


class NoModel:
    """What a wrong model does: it refuses the features."""

    def predict_proba(self, _rows: object) -> object:
        raise ValueError("X has 18 features, but it expects 4")


def test_what_cannot_be_served_is_told(use_case: UseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with prediction_thread() as thread:
        with pytest.raises(JobError, match=r"model\.skops is missing"):
            load_predictor(tmp_path, use_case, thread, {})
        (tmp_path / "model.skops").write_bytes(b"no zip")
        with pytest.raises(JobError, match="is no skops file"):
            load_predictor(tmp_path, use_case, thread, {})
        monkeypatch.setattr(model_file, "load", lambda _path, sha256: NoModel())
        with pytest.raises(JobError, match="is no model of flight_delays: X has 18 features"):
            load_predictor(tmp_path, use_case, thread, {})


def test_what_is_accepted_sends_without_delay() -> None:
    """Without TCP_NODELAY a small answer may wait 40 ms for an acknowledgement."""
    with (
        listening_socket("127.0.0.1", 0) as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        with pytest.raises(JobError, match=r"cannot listen on 127\.0\.0\.1"):
            listening_socket("127.0.0.1", listening.getsockname()[1])


class HeldModel:
    """A model whose prediction is held up until it is released, and that says in how many threads it may compute."""

    def __init__(self) -> None:
        self.predicting, self.released = threading.Event(), threading.Event()
        self.threads: set[int] = set()

    def predict_proba(self, rows: matrix.Matrix) -> matrix.Vector:
        self.threads = {pool["num_threads"] for pool in threadpool_info()}
        self.predicting.set()
        assert self.released.wait(60)
        return np.full((len(rows), 2), 0.5)


def test_pings_are_answered_while_a_prediction_is_under_way(use_case: UseCase, rows: list[Row]) -> None:
    """And the prediction, released by the ping's answer, computes in one thread."""
    model = HeldModel()

    async def ask(app: Any) -> tuple[int, int]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://serving") as asked:
            prediction = asyncio.create_task(asked.post("/invocations", json={"instances": rows}))
            assert await asyncio.to_thread(model.predicting.wait, 60)
            ping = await asked.get("/ping")
            model.released.set()
            return ping.status_code, (await prediction).status_code

    with prediction_thread() as thread:
        served = ServedModel("flights", None, "ab" * 32)
        assert asyncio.run(ask(make_app(Predictor(model, use_case, served), thread))) == (200, 200)
    assert model.threads == {1}


def test_a_failing_model_is_a_fault_of_the_server(
    use_case: UseCase, rows: list[Row], caplog: pytest.LogCaptureFixture
) -> None:
    """The client learns that it failed; the log, in one line, where."""

    async def ask(app: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://serving") as asked:
            return await asked.post("/invocations", json={"instances": rows})

    with prediction_thread() as thread:
        predictor = Predictor(NoModel(), use_case, ServedModel("flights", None, "ab" * 32))
        answer = asyncio.run(ask(make_app(predictor, thread)))
    assert answer.status_code == 500
    assert answer.json()["error"] == {"message": "the model failed: ValueError", "path": None}
    (record,) = caplog.records
    assert "X has 18 features" in json.loads(record.message)["traceback"]
    assert "\n" not in record.message


def test_a_request_under_way_is_finished_before_the_stop(folders: dict[str, Path], rows: list[Row]) -> None:
    """SIGTERM comes while the server waits for the rest of a request; the whole of it is still answered."""
    body = json.dumps({"instances": rows}).encode()
    folder = folders["hgb"]
    arguments = ["--model", str(folder), "--use-case", "flight_delays", "--port", "0"]
    with started("serve", arguments, environment(), folder) as running:
        url = httpx.URL(running.url())
        head = f"POST /invocations HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection((url.host, url.port or 0), timeout=60) as connection:
            connection.sendall(head.encode())
            assert connection.recv(1024).startswith(b"HTTP/1.1 100 ")  # the request is under way
            running.process.send_signal(signal.SIGTERM)
            connection.sendall(body)
            assert connection.makefile("rb").read().startswith(b"HTTP/1.1 200 ")
        assert running.ended() == 0
