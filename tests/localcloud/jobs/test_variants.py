"""Protects that a variant is a real model server: ready when it says so, answering, noticed when it dies."""

import io
import json
import os
import random
import signal
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra.localcloud.jobs.container import ContainerHost
from infra.localcloud.jobs.process import Ending, LogLine
from infra.localcloud.jobs.variants import Variant, VariantError, VariantRequest, choose, start_variant
from tests.localcloud.jobs.conftest import Push

SERVER = """
import http.server, json, os, pathlib, sys
root = pathlib.Path(os.environ.get("STILE_CONTAINER_ROOT", "/"))
model = (root / "opt/ml/model/model.txt").read_text()
if model == "broken":
    sys.exit("the model is broken")
class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer(503 if model == "never ready" else 200)
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body == b"die":
            os._exit(7)
        seen = {"body": body.decode(), "path": self.path, "type": self.headers["Content-Type"], "pid": os.getpid()}
        self.answer(400 if body == b"bad" else 200, json.dumps({**seen, "model": model, "argv": sys.argv[1:]}).encode())
print("serving", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""


class Starter:
    """Starts variants on one host and stops what is left of them."""

    def __init__(self, host: ContainerHost, image: str, folder: Path) -> None:
        self.host, self.image, self.folder = host, image, folder
        self.started: list[Variant] = []
        self.lines: list[LogLine] = []

    def __call__(self, model: str) -> Variant:
        archive = self.folder / "model.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            member = tarfile.TarInfo("model.txt")
            member.size = len(model)
            tar.addfile(member, io.BytesIO(model.encode()))
        request = VariantRequest("live", self.image, archive, {"OWN": "1"})
        self.started.append(start_variant(self.host, request, self.lines.append))
        return self.started[-1]


@pytest.fixture
def start(host: ContainerHost, push: Push, tmp_path: Path) -> Iterator[Starter]:
    image = push({"opt/serve.py": SERVER}, "--entrypoint=python,/opt/serve.py")
    starter = Starter(host, image, tmp_path)
    yield starter
    for variant in starter.started:
        variant.stop()


def test_a_ready_variant_answers_with_its_own_model(start: Starter) -> None:
    variants = [start("first"), start("second")]
    for variant, model in zip(variants, ("first", "second"), strict=True):
        variant.wait_ready(30)
        answer = variant.invoke(b"{}", {"Content-Type": "application/json"})
        seen = json.loads(answer.body)
        assert answer.status == 200
        assert {name: seen[name] for name in ("body", "path", "type", "model", "argv")} == {
            "body": "{}",
            "path": "/invocations",
            "type": "application/json",
            "model": model,
            "argv": ["serve"],
        }
        assert answer.model_seconds > 0
    assert variants[0].invoke(b"bad", {}).status == 400
    assert "serving" in {line.text for line in start.lines}


def test_a_stopped_variant_is_gone_with_its_files(start: Starter) -> None:
    variant = start("first")
    variant.wait_ready(30)
    assert variant.stop().ending is Ending.STOPPED
    assert variant.stop().ending is Ending.STOPPED
    assert not psutil.pid_exists(variant.pid)
    assert list((start.host.settings.home / "runs").iterdir()) == []
    with pytest.raises(VariantError, match="does not answer"):
        variant.invoke(b"{}", {})


def test_a_variant_that_dies_is_noticed(start: Starter) -> None:
    variant = start("first")
    variant.wait_ready(30)
    assert variant.exit is None
    with pytest.raises(VariantError, match="does not answer"):
        variant.invoke(b"die", {})
    ended = variant.wait(30)
    assert ended is not None
    assert (ended.code, ended.ending) == (7, Ending.EXITED)


def test_a_killed_variant_is_noticed(start: Starter) -> None:
    variant = start("first")
    variant.wait_ready(30)
    os.kill(variant.pid, signal.SIGKILL)
    ended = variant.wait(30)
    assert ended is not None
    assert ended.code == 128 + signal.SIGKILL


def test_one_that_ends_before_it_is_ready_says_so(start: Starter) -> None:
    with pytest.raises(VariantError, match="ended with code 1 before it answered"):
        start("broken").wait_ready(30)
    assert "the model is broken" in {line.text for line in start.lines}


def test_one_that_is_never_ready_is_given_up(start: Starter) -> None:
    variant = start("never ready")
    with pytest.raises(VariantError, match="did not pass its ping health check within"):
        variant.wait_ready(0.5)
    assert variant.exit is None


def test_a_broken_archive_starts_nothing(host: ContainerHost, push: Push, tmp_path: Path) -> None:
    (tmp_path / "model.tar.gz").write_text("no archive")
    image = push({"opt/serve.py": SERVER}, "--entrypoint=python,/opt/serve.py")
    with pytest.raises(VariantError, match="the model cannot be used"):
        start_variant(host, VariantRequest("live", image, tmp_path / "model.tar.gz"), print)
    assert list((host.settings.home / "runs").iterdir()) == []


def test_choice_follows_the_weights() -> None:
    source = random.Random(7)
    seen = Counter(choose([("a", 1.0), ("b", 9.0), ("c", 0.0)], source) for _ in range(10_000))
    assert seen["c"] == 0
    assert 0.88 < seen["b"] / 10_000 < 0.92
    assert set(Counter(choose([("a", 0.0), ("b", 0.0)], source) for _ in range(100))) == {"a", "b"}


@pytest.mark.parametrize("variants", [[], [("a", -1.0)]])
def test_no_choice_is_made_of_nothing(variants: list[tuple[str, float]]) -> None:
    with pytest.raises(ValueError, match="there must be variants"):
        choose(variants, random.Random(7))
