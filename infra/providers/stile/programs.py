"""Finds and runs the programs that make an image: uv and crane."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Final

from infra.providers.kit.resource import Cancelled, PluginError

Progress = Callable[[str], None]

_POLL_SECONDS: Final = 0.2
_LAST_LINES: Final = 12


class ProgramError(PluginError):
    """A program ended with an error; holds what it said last."""

    def __init__(self, program: str, code: int, said: str) -> None:
        super().__init__(f"{program} failed with exit code {code}: {said or 'it said nothing'}")
        self.said = said


def cache_folder() -> Path:
    """Return the folder outside the project that clones share (STILE_CACHE_DIR, else the user's cache)."""
    given = os.environ.get("STILE_CACHE_DIR")
    if given:
        return Path(given)
    import platformdirs

    return platformdirs.user_cache_path("stile")


def crane() -> Path:
    """Return crane: STILE_CRANE, PATH, or the newest that the toolchain installed. Raises PluginError without one."""
    return _find("crane", "STILE_CRANE", "run `./stile doctor`, which installs it, or set STILE_CRANE")


def uv() -> Path:
    """Return uv: STILE_UV, PATH, or the newest that the toolchain installed. Raises PluginError without one."""
    return _find("uv", "STILE_UV", "install uv, or set STILE_UV to it")


def _find(name: str, variable: str, fix: str) -> Path:
    given = os.environ.get(variable)
    if given:
        if os.access(given, os.X_OK):
            return Path(given)
        raise PluginError(f"{variable} names {given}, which is no program")
    on_path = shutil.which(name)
    if on_path:
        return Path(on_path)
    installed = sorted((cache_folder() / "toolchain").glob(f"*/bin/{name}"), key=_version_order)
    if installed:
        return installed[-1]
    raise PluginError(f"{name} is not installed: {fix}")


def _version_order(program: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", program.parents[1].name)]


def run(
    command: Sequence[str | Path], *, cancelled: Event, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Run a program to its end and return its output. Raises ProgramError, or Cancelled once the engine stops."""
    name = Path(command[0]).name
    with subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
        cwd=cwd,
    ) as process:
        while True:
            try:
                out, said = process.communicate(timeout=_POLL_SECONDS)
                break
            except subprocess.TimeoutExpired:
                if cancelled.is_set():
                    process.kill()
                    raise Cancelled(f"{name} was stopped") from None
    if process.returncode:
        raise ProgramError(name, process.returncode, "\n".join(said.strip().splitlines()[-_LAST_LINES:]))
    return out
