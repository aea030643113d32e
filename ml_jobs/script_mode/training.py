"""Runs a user's training script as a program of its own, and reports how it ended in the vendor's words."""

import logging
import os
import re
import shlex
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import FrameType

from ml_jobs.errors import JobError
from ml_jobs.script_mode import environment, requirements, source
from ml_jobs.settings import container_path

log = logging.getLogger("ml_jobs.script_mode")
KEPT_LINES = 200
SHOWN_LINES = 5
OUT_OF_MEMORY = 137
TRACEBACK = "Traceback (most recent call last):"


class ExecuteUserScriptError(JobError):
    """The script ended with another code than 0; the message is in the vendor's form, and becomes FailureReason."""

    def __init__(self, code: int, said: str, command: Sequence[str]) -> None:
        extra = '\nExtraInfo "OutOfMemory: Process killed by SIGKILL (signal 9)"' if code == OUT_OF_MEMORY else ""
        super().__init__(
            f'ExecuteUserScriptError:\nExitCode {code}\nErrorMessage "{said}"{extra}\nCommand "{shlex.join(command)}"'
        )


def run() -> None:
    """Bring the job's code, install what it requires, and run its program in /opt/ml/code.

    Raises:
        JobError: the code cannot be had, its requirements cannot be installed, the program is not in it, or the request
            asks for a distribution, which this image has not.
        ExecuteUserScriptError: the script failed.
        SystemExit: the platform stopped the job.
    """
    asked = environment.read()
    if asked.distribution:
        raise JobError(
            f"{', '.join(asked.distribution)}: the image runs one process per job; train without distribution"
        )
    code = container_path(environment.CODE)
    source.bring(asked.submitted, code)
    command = command_of(code, asked.program) + environment.arguments(asked.own)
    source.warn_of_literal_paths(code)
    packages = requirements.install(code)
    for folder in environment.FOLDERS.values():
        container_path(folder).mkdir(parents=True, exist_ok=True)
    variables = environment.variables(asked)
    log.info("running the script: %s", shlex.join(command))
    code_of_end, said, stopped = supervise(command, code, {**_inherited(code, packages), **variables})
    if stopped:
        raise SystemExit(code_of_end)
    if code_of_end:
        raise ExecuteUserScriptError(code_of_end, said, command)
    (container_path("/opt/ml/output") / "success").touch()


def command_of(code: Path, program: str) -> list[str]:
    """Return how a program of the code is run: by its name, as the toolkit does.

    With a setup.py beside it, it is a module of that package; a .py file is a script; anything else a command.

    Raises:
        JobError: it is not in the code.
    """
    path = PurePosixPath(program)
    if path.is_absolute() or ".." in path.parts or program.startswith("-"):
        raise JobError(f"sagemaker_program is {program!r}; it must be a path inside of the code, such as train.py")
    is_package = (code / "setup.py").is_file() and not program.endswith(".sh")
    if is_package:
        return [sys.executable, "-m", ".".join(path.with_suffix("").parts)]
    if not (code / path).is_file():
        found = ", ".join(sorted(file.name for file in code.iterdir())) or "nothing"
        raise JobError(f"sagemaker_program is {program!r}, which is not in the code; there is {found}")
    if path.suffix == ".py":
        return [sys.executable, program]
    (code / path).chmod(0o755)
    return ["/bin/sh", "-c", f'exec ./{shlex.quote(program)} "$@"', program]


def _inherited(code: Path, packages: Path | None) -> dict[str, str]:
    """Return our own variables, with the code and what was installed for it first on Python's path."""
    first = [str(code), *([str(packages)] if packages else [])]
    path = os.pathsep.join([*first, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


def supervise(command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> tuple[int, str, bool]:
    """Run a command to its end; return its exit code as a shell's, its last error, and whether it was stopped.

    Its output passes through as it comes. SIGTERM is handed on, so that a script can save what it has.
    """
    running: list[subprocess.Popen[bytes]] = []
    stops: list[int] = []

    def stop(signum: int, _frame: FrameType | None) -> None:
        stops.append(signum)
        for process in running:
            process.send_signal(signum)

    before = signal.signal(signal.SIGTERM, stop)
    kept: deque[str] = deque(maxlen=KEPT_LINES)
    try:
        with subprocess.Popen(command, cwd=folder, env=dict(variables), stderr=subprocess.PIPE) as process:
            running.append(process)
            if stops:
                process.send_signal(stops[0])
            assert process.stderr is not None  # noqa: S101 - asked for above
            for line in process.stderr:
                sys.stderr.buffer.write(line)
                sys.stderr.buffer.flush()
                kept.append(line.decode("utf-8", "replace").rstrip())
            code = process.wait()
    finally:
        signal.signal(signal.SIGTERM, before)
    return (code if code >= 0 else 128 - code), last_error(kept), bool(stops)


def last_error(lines: Sequence[str]) -> str:
    """Return what a program said last on stderr: the exception after its traceback, else the last lines."""
    listed = list(lines)
    if TRACEBACK in listed:
        after = listed[len(listed) - listed[::-1].index(TRACEBACK) :]
        start = next((number for number, line in enumerate(after) if re.match(r"\w", line)), len(after))
        return "\n".join(after[start:]).strip()
    return "\n".join(listed[-SHOWN_LINES:]).strip()
