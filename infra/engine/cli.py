"""Runs the Pulumi CLI for the Automation API: stops with this process, and stops properly when it is interrupted."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from pulumi.automation import CommandResult, PulumiCommand
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from infra.toolchain import Toolchain

# Becomes the CLI after asking the kernel (prctl PR_SET_PDEATHSIG) to kill it when its parent dies. If it were only
# interrupted, it would cancel the calls that run and forget what they made; killed, it leaves them noted.
# Not between fork and exec: gRPC's threads in this process forbid code there.
MORTAL = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, {signal}); os.execv(sys.argv[1], sys.argv[1:])"


class Cli(PulumiCommand):
    """The CLI of the toolchain, whose version is known already."""

    def __init__(self, toolchain: Toolchain) -> None:
        self.command = str(toolchain.pulumi)
        self.version = VersionInfo.parse(toolchain.pulumi_version)

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Callable[[str], Any] | None = None,
        on_error: Callable[[str], Any] | None = None,
    ) -> CommandResult:
        """Run one command to its end; see PulumiCommand.run.

        The CLI stands in a session of its own: Ctrl-C reaches it once, from here, so that it ends its update properly
        (the first makes it cancel, a second makes it end at once).
        """
        process = subprocess.Popen(
            [*mortal(), self.command, "--non-interactive", *args],
            cwd=Path(cwd),
            env={**os.environ, **additional_env, "PULUMI_AUTOMATION_API": "true"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        output, errors = _follow(process.stdout, on_output), _follow(process.stderr, on_error)
        _wait(process)
        output.join()
        errors.join()
        result = CommandResult("\n".join(output.lines), "\n".join(errors.lines), process.returncode)
        if result.code != 0:
            raise create_command_error(result)
        return result


class _Reader(threading.Thread):
    """Takes the lines of a stream as they come."""

    def __init__(self, stream: IO[str], tell: Callable[[str], Any] | None) -> None:
        super().__init__(daemon=True)
        self._stream, self._tell = stream, tell
        self.lines: list[str] = []

    def run(self) -> None:
        """Read to the end of the stream."""
        with self._stream:
            for line in self._stream:
                self.lines.append(line.rstrip())
                if self._tell:
                    self._tell(line.rstrip())


def _follow(stream: IO[str] | None, tell: Callable[[str], Any] | None) -> _Reader:
    if stream is None:
        raise ValueError("the CLI's output is not a pipe")
    reader = _Reader(stream, tell)
    reader.start()
    return reader


def _wait(process: "subprocess.Popen[str]") -> None:
    """Wait for the CLI; pass each Ctrl-C on to it, and be interrupted only after it has ended."""
    interrupted: KeyboardInterrupt | None = None
    while True:
        try:
            process.wait()
            break
        except KeyboardInterrupt as error:
            interrupted = error
            process.send_signal(signal.SIGINT)
    if interrupted is not None:
        raise interrupted


def mortal() -> list[str]:
    """Return what stands before a command so that it is killed when this process dies; Linux only."""
    if sys.platform != "linux":
        return []
    return [sys.executable, "-I", "-S", "-c", MORTAL.format(signal=int(signal.SIGKILL))]
