"""Installing what is missing: the official archive, else a build; whole or not at all, once at a time."""

import io
import os
import signal
import subprocess
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from infra import toolchain
from infra.errors import ToolchainError
from infra.toolchain import download, install
from infra.toolchain.build import Recipe
from infra.toolchain.found import own_bin
from tests.toolchain.conftest import Site, program

FILES = ("pulumi", "pulumi-language-python", "pulumi-language-python-exec", "pulumi-watch")


def archive(version: str = "v3.259.0", names: tuple[str, ...] = FILES) -> bytes:
    """An archive as the official site serves it, with programs that answer `version`."""
    body = f"#!/bin/sh\necho {version}\n".encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(f"pulumi/{name}")
            member.size, member.mode = len(body), 0o755
            tar.addfile(member, io.BytesIO(body))
    return buffer.getvalue()


def serve(site: Site, body: bytes) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    site.answer = answer


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Puts a program where a build would; returns what was built."""
    built: list[str] = []

    def fake(recipe: Recipe, folder: Path, progress: object) -> None:
        built.append(recipe.binary)
        program(folder / recipe.binary, "v0.20.2" if recipe.binary == "crane" else "v3.259.0")
        if recipe.binary == "pulumi-language-python":
            program(folder / "pulumi-language-python-exec", "")

    monkeypatch.setattr(install, "build", fake)
    return built


def names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


def test_the_official_archive_is_taken_where_it_can_be_had(
    cache: Path, path: Path, site: Site, builds: list[str]
) -> None:
    serve(site, archive())
    told: list[str] = []
    found = toolchain.ensure(told.append)
    assert (found.bin, found.pulumi_version) == (own_bin(), "3.259.0")
    assert names(own_bin()) == {*FILES[:3], "crane"}
    assert builds == ["crane"]
    assert site.asked[0].startswith("/pulumi-v3.259.0-")
    assert toolchain.ensure(told.append) == found
    assert len(site.asked) == 1
    assert names(own_bin().parent) == {"bin", "install.lock"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "answers 404"),
        (b"<html>sign in</html>", "is not Pulumi's archive"),
        (archive(names=FILES[:1]), "lacks pulumi-language-python, pulumi-language-python-exec"),
        (archive(version="v3.1.0"), "3.230.0 or newer is needed"),
    ],
)
def test_where_it_cannot_it_is_built_and_the_reason_told(
    cache: Path, path: Path, site: Site, builds: list[str], body: bytes | None, reason: str
) -> None:
    if body is not None:
        serve(site, body)
    told: list[str] = []
    toolchain.ensure(told.append)
    assert builds == ["pulumi", "pulumi-language-python", "crane"]
    assert [reason in line for line in told if line.startswith("not from the official place")] == [True]


def test_a_site_that_hangs_is_given_up(cache: Path, path: Path, site: Site, tmp_path: Path) -> None:
    """A proxy that swallows requests must not hold the first start for ever."""
    released = threading.Event()

    def hang(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(b"\x1f\x8b")
        request.wfile.flush()
        released.wait(30)

    site.answer = hang
    with pytest.raises(ToolchainError, match="does not answer in time"):
        download.download_pulumi(tmp_path, lambda _: None, silence_timeout_seconds=0.2)
    released.set()
    assert list(tmp_path.glob("pulumi*")) == []


def test_a_site_that_drips_is_given_up(cache: Path, path: Path, site: Site, tmp_path: Path) -> None:
    serve(site, archive())
    with pytest.raises(ToolchainError, match="is too slow"):
        download.download_pulumi(tmp_path, lambda _: None, whole_timeout_seconds=0)


def test_a_site_that_is_not_there_is_told(
    cache: Path, path: Path, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STILE_PULUMI_URL", "http://127.0.0.1:9")
    with pytest.raises(ToolchainError, match="cannot be reached"):
        download.download_pulumi(tmp_path, lambda _: None)


def test_when_nothing_helps_both_reasons_are_told(
    cache: Path, path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(recipe: Recipe, folder: Path, progress: object) -> None:
        raise ToolchainError("Go could not build pulumi: no route", fix="let Go reach its module proxy")

    monkeypatch.setattr(install, "build", refuse)
    with pytest.raises(ToolchainError) as raised:
        toolchain.ensure(lambda _: None)
    assert "answers 404" in raised.value.message
    assert "no route" in raised.value.message
    assert raised.value.fix == "let Go reach its module proxy"
    assert not own_bin().exists()


def test_what_a_killed_installation_left_is_removed(cache: Path, path: Path, site: Site, builds: list[str]) -> None:
    left = own_bin().parent / ".new-killed"
    program(left / "pulumi", "half")
    toolchain.ensure(lambda _: None)
    assert not left.exists()


def test_two_at_once_install_once(cache: Path, path: Path, site: Site, builds: list[str]) -> None:
    """The second waits for the first, and finds what it installed."""
    serve(site, archive())
    found: list[toolchain.Toolchain] = []
    threads = [threading.Thread(target=lambda: found.append(toolchain.ensure(lambda _: None))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1]
    assert len(site.asked) == 1


def test_an_interrupted_build_leaves_nothing_half(cache: Path, path: Path, site: Site, tmp_path: Path) -> None:
    """Neither files in place nor a compiler that goes on."""
    pids = tmp_path / "pid"
    go = path / "go"
    go.write_text(
        '#!/bin/sh\n[ "$1" = env ] && echo go1.26.0 && exit\n'
        f"echo $$ > {pids}.new; mv {pids}.new {pids}\nexec sleep 600\n"
    )
    go.chmod(0o755)
    script = "from infra import toolchain; toolchain.ensure(lambda text: None)"
    busy = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    while not pids.exists():
        assert busy.poll() is None
    busy.send_signal(signal.SIGINT)
    busy.communicate()
    assert busy.returncode != 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(pids.read_text()), 0)
    assert names(own_bin().parent) == {"install.lock"}
