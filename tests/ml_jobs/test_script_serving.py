"""Protects script mode in serving: a user's functions are found, filled up, called and answered for as documented."""

import asyncio
import io
import json
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from ml_jobs import script_mode
from ml_jobs.contracts import sagemaker
from ml_jobs.errors import JobError
from ml_jobs.script_mode import formats, serving
from tests.ml_jobs.serving import client, environment, started

JSON, CSV, NPY = "application/json", "text/csv", "application/x-npy"
# A model that doubles.
DOUBLES = """
class Model:
    def predict(self, data):
        return data * 2

def model_fn(model_dir):
    return Model()
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STILE_CONTAINER_ROOT", str(tmp_path))
    monkeypatch.setattr(sys, "path", list(sys.path))  # loading a script puts its folder there
    return tmp_path


def write(root: Path, script: str, name: str = "inference.py") -> dict[str, str]:
    """Put a script into the model as the SDK packs it; return the model's environment."""
    code = root / "opt/ml/model/code"
    code.mkdir(parents=True, exist_ok=True)
    (code / name).write_text(script)
    return {"SAGEMAKER_PROGRAM": name, "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}


def ask(root: Path, script: str, body: bytes | str, **headers: str) -> httpx.Response:
    """Serve a script in this process and send it one request."""

    async def send(app: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with httpx.AsyncClient(transport=transport, base_url="http://serving") as asked:
            asked.headers.pop("accept")
            return await asked.post("/invocations", content=body, headers=sent)

    with ThreadPoolExecutor(1) as thread:
        handlers = serving.load(write(root, script))
        return asyncio.run(send(serving.make_app(handlers, thread)))


def npy(array: Any) -> bytes:
    content = io.BytesIO()
    np.save(content, np.asarray(array))
    return content.getvalue()


ROWS = [[1.0, 2.5], [3.0, 4.0]]
ENCODED: Mapping[str, bytes] = {JSON: json.dumps(ROWS).encode(), CSV: b"1.0,2.5\n3.0,4.0\n", NPY: npy(ROWS)}


@pytest.mark.parametrize("sent", ENCODED)
@pytest.mark.parametrize("wanted", ENCODED)
def test_defaults_read_and_write_the_usual_types(root: Path, sent: str, wanted: str) -> None:
    """Protects the toolkit's defaults: JSON, CSV and NumPy in, any of them out, and `predict` of the model."""
    answer = ask(root, DOUBLES, ENCODED[sent], content_type=sent, accept=wanted)
    assert (answer.status_code, answer.headers["content-type"]) == (200, wanted), answer.text
    assert formats.decode(answer.content, wanted).tolist() == [[2.0, 5.0], [6.0, 8.0]]


def test_one_row_of_csv_is_a_table(root: Path) -> None:
    assert ask(root, DOUBLES, "1,2", content_type=CSV).json() == [[2.0, 4.0]]


def test_a_json_object_reaches_the_script_as_it_is(root: Path) -> None:
    script = "def model_fn(model_dir): return 3\ndef predict_fn(data, model): return {'y': data['x'] * model}"
    assert ask(root, script, '{"x": 2}').json() == {"y": 6}


FUNCTIONS = """
import os
def model_fn(model_dir):
    return {"folder": model_dir}
def input_fn(body, content_type):
    assert isinstance(body, str), type(body)
    return [body, content_type]
def predict_fn(data, model, context):
    return data + [model["folder"], context.system_properties["model_dir"]]
def output_fn(prediction, accept):
    return "|".join(prediction), "text/plain"
"""


def test_a_scripts_own_functions_are_called_in_turn(root: Path) -> None:
    """Protects their arguments: text for JSON, the type as it was sent, the model's folder, the context if taken."""
    answer = ask(root, FUNCTIONS, "{}", content_type="application/json; charset=utf-8")
    folder = str(root / "opt/ml/model")
    assert answer.text == f"{{}}|application/json; charset=utf-8|{folder}|{folder}"
    assert answer.headers["content-type"] == "text/plain"


def test_transform_takes_the_place_of_the_three(root: Path) -> None:
    script = (
        "def model_fn(d): return b'!'\ndef transform_fn(model, body, content_type, accept): return body + model, accept"
    )
    answer = ask(root, script, b"\x00\x01", content_type="image/png", accept="image/png")
    assert (answer.content, answer.headers["content-type"]) == (b"\x00\x01!", "image/png")


REFUSED = {
    "an unknown type": (b"x", {"content_type": "image/png"}, 415, "content type image/png is not supported"),
    "an unknown answer": (b"[[1]]", {"accept": "image/png"}, 406, "answers of type image/png are not supported"),
    "a broken body": (b"[[1", {}, 400, "the body is not application/json"),
    "no text": (b"\xff", {"content_type": CSV}, 400, "the body is not text/csv"),
    "a pickle": (
        npy(np.array([{}], dtype=object)),
        {"content_type": NPY},
        400,
        "Object arrays cannot be loaded",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_defaults_cannot_take_is_told(name: str, root: Path) -> None:
    body, headers, status, said = REFUSED[name]
    answer = ask(root, DOUBLES, body, **headers)
    assert (answer.status_code, said in answer.json()["error"]["message"]) == (status, True), answer.text


def test_what_a_script_raises_is_told_and_logged(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Protects finding a bug in one's own script: the message in the answer, the traceback in the log's one line."""
    script = f"{DOUBLES}\ndef predict_fn(data, model):\n    raise KeyError('column a')\n"
    answer = ask(root, script, "[[1]]")
    assert (answer.status_code, answer.json()["error"]["message"]) == (500, "KeyError: 'column a'")
    (record,) = [record for record in caplog.records if record.name == "ml_jobs.serve"]
    assert "inference.py" in json.loads(record.message)["traceback"]


def test_an_answer_must_be_a_text_or_bytes(root: Path) -> None:
    answer = ask(root, f"{DOUBLES}\ndef output_fn(prediction, accept): return prediction", "[[1]]")
    assert answer.status_code == 500
    assert "the script returned ndarray as answer" in answer.json()["error"]["message"]


LOADED = {
    "no model_fn": ("def predict_fn(data, model): return data", "defines no model_fn"),
    "two ways": (f"{DOUBLES}\ndef transform_fn(*a): pass\ndef input_fn(*a): pass", "takes the place of input_fn"),
    "a bug at import": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    "a bug in model_fn": ("def model_fn(d): raise OSError('no file')", "failed while it loaded the model: OSError"),
}


@pytest.mark.parametrize("name", LOADED)
def test_a_script_that_cannot_serve_is_refused_before_it_is_asked(name: str, root: Path) -> None:
    script, said = LOADED[name]
    with pytest.raises(JobError, match=said):
        serving.load(write(root, script))


def test_code_is_found_where_the_sdk_leaves_it(root: Path) -> None:
    """In the model, by name with or without .py; in an archive elsewhere; and what is missing is named."""
    asked = write(root, DOUBLES, "mine.py")
    assert serving.bring_code(asked) == root / "opt/ml/model/code"
    serving.load({**asked, "SAGEMAKER_PROGRAM": "mine"})
    with pytest.raises(JobError, match=r"'other\.py', which is not in .*; there is mine\.py"):
        serving.load({**asked, "SAGEMAKER_PROGRAM": "other.py"})
    elsewhere = root / "opt/ml/elsewhere.py"
    elsewhere.write_text(DOUBLES)
    assert serving.bring_code({"SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/elsewhere.py"}) == root / "opt/ml/code"
    assert (root / "opt/ml/code/elsewhere.py").read_text() == DOUBLES


def test_a_released_model_is_never_served_by_a_script(root: Path) -> None:
    """Protects the digest: code that came in a model's archive takes no use case's place."""
    write(root, DOUBLES)
    assert script_mode.is_serving({})
    assert not script_mode.is_serving({"STILE_USE_CASE": "flight_delays"})
    with pytest.raises(JobError, match="is served by a script or by its use case"):
        script_mode.is_serving({"STILE_USE_CASE": "flight_delays", "SAGEMAKER_PROGRAM": "inference.py"})


def test_without_use_case_or_script_nothing_is_served(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAGEMAKER_PROGRAM", raising=False)
    with pytest.raises(JobError, match="STILE_USE_CASE is not set, nor SAGEMAKER_PROGRAM"):
        sagemaker.serve([])


def test_the_images_entry_serves_a_script(root: Path) -> None:
    """Protects the whole way: the process, its port, the ping, an answer, and the stop."""
    asked = write(root, DOUBLES)
    variables = environment(
        STILE_CONTAINER_ROOT=str(root), SAGEMAKER_BIND_TO_PORT="0", STILE_BIND_HOST="127.0.0.1", **asked
    )
    with started("container", ["serve"], variables, root) as running:
        with client(running) as asking:
            assert asking.get("/ping").status_code == 200
            assert asking.post("/invocations", json=[[4]]).json() == [[8]]
            assert asking.get("/elsewhere").status_code == 404
        running.process.terminate()
        assert running.ended() == 0, running.output
