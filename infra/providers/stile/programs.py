"""Finds and runs the programs that make an image: uv and crane."""

import os
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


def crane() -> Path:
    """Return crane: STILE_CRANE, the toolchain's own, or PATH's. Raises PluginError without one."""
    from infra.toolchain.found import candidates

    found = _named_in("STILE_CRANE") or next(iter(candidates("crane")), None)
    if found is None:
        raise PluginError("crane is not installed: run `./stile doctor`, which brings it, or set STILE_CRANE to it")
    return found


def uv() -> Path:
    """Return uv: STILE_UV, the one that the launcher brought, or PATH's. Raises PluginError without one."""
    from infra.errors import ToolchainError
    from infra.toolchain.found import find_uv

    try:
        return _named_in("STILE_UV") or find_uv()
    except ToolchainError as error:
        raise PluginError(f"{error.message}: {error.fix}, or set STILE_UV to it") from error


def _named_in(variable: str) -> Path | None:
    given = os.environ.get(variable)
    if given and not os.access(given, os.X_OK):
        raise PluginError(f"{variable} names {given}, which is no program")
    return Path(given) if given else None


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
