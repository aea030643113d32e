"""An empty cache, a PATH of the test's own, and a server on loopback that plays the official download site."""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Site:
    """The fake download site: `answer` says what it does; `asked` is what it was asked for."""

    url: str
    answer: Answer
    asked: list[str] = field(default_factory=list)


def not_found(request: BaseHTTPRequestHandler) -> None:
    request.send_error(404)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("STILE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH beside the system's own."""
    folder = tmp_path / "path"
    folder.mkdir()
    system = [one for one in ("/usr/bin", "/bin") if Path(one).is_dir()]
    monkeypatch.setenv("PATH", os.pathsep.join([str(folder), *system]))
    return folder


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The fake site, named as the official one; answers 404 until told otherwise."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            made.answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Site(f"http://127.0.0.1:{server.server_port}", not_found)
        monkeypatch.setenv("STILE_PULUMI_URL", made.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def program(path: Path, says: str) -> Path:
    """Write a program that answers `version`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def pulumi(folder: Path, version: str = "v3.259.0", *, host: bool = True) -> Path:
    """Write a CLI, with or without its language host beside it."""
    if host:
        program(folder / "pulumi-language-python", "")
        program(folder / "pulumi-language-python-exec", "")
    return program(folder / "pulumi", version)
