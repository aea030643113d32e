"""The programs that make an image are found where they may be, and what they say reaches the user."""

import os
import threading
from pathlib import Path

import pytest

from infra.providers.kit.resource import Cancelled, PluginError
from infra.providers.stile import programs
from infra.toolchain.found import own_bin


def program(path: Path, text: str = "exit 0") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def _nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STILE_CRANE", raising=False)
    monkeypatch.delenv("STILE_UV", raising=False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("STILE_CACHE_DIR", str(tmp_path / "cache"))


def test_the_environment_goes_before_the_toolchain_and_that_before_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The toolchain's version is the pinned one; another could give other digests."""
    on_path = program(tmp_path / "bin" / "crane")
    monkeypatch.setenv("PATH", f"{on_path.parent}:/usr/bin:/bin")
    assert programs.crane() == on_path
    own = program(own_bin() / "crane")
    assert programs.crane() == own
    named = program(tmp_path / "mine")
    monkeypatch.setenv("STILE_CRANE", str(named))
    assert programs.crane() == named


def test_a_missing_program_comes_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PluginError, match=r"crane is not installed: .*STILE_CRANE"):
        programs.crane()
    with pytest.raises(PluginError, match=r"uv is not there: .*STILE_UV"):
        programs.uv()
    monkeypatch.setenv("STILE_CRANE", "/nowhere/crane")
    with pytest.raises(PluginError, match="/nowhere/crane, which is no program"):
        programs.crane()


def test_a_failing_program_is_quoted(tmp_path: Path) -> None:
    failing = program(tmp_path / "failing", "echo it went wrong >&2; exit 3")
    with pytest.raises(programs.ProgramError, match=r"failing failed with exit code 3: it went wrong"):
        programs.run([failing], cancelled=threading.Event())


def test_a_running_program_ends_when_the_engine_cancels(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    waiting = program(tmp_path / "waiting", f"echo $$ > {told}; exec sleep 600")
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(Cancelled, match="waiting was stopped"):
        programs.run([waiting], cancelled=cancelled)
    with pytest.raises(ProcessLookupError):
        os.kill(int(told.read_text()), 0)
