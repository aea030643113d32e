"""Prepares the environments that Stile runs in and becomes its command line; standard library of Python 3.8 only."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

UV_VERSION = "0.13.9"
STAMP_NAME = ".stile-stamp"
BEAT_SECONDS = {True: 0.5, False: 15.0}  # on a terminal one line is rewritten; in a log each beat is a line


class StepFailed(Exception):  # noqa: N818 - it names an outcome
    """A step of the set-up failed; the message says what, the cause is the step's last output."""

    def __init__(self, what: str, source: str, output: list[str]) -> None:
        super().__init__(what)
        self.what = what
        self.source = source
        self.output = output


@dataclass(frozen=True)
class Environment:
    """One virtual environment with a lock file of its own.

    Attributes:
        title: what the environment is for, as progress names it.
        folder: holds pyproject.toml, uv.lock and, once made, .venv.
        arguments: what `uv sync` takes besides the flags that all share.
    """

    title: str
    folder: Path
    arguments: tuple[str, ...] = ()

    @property
    def python(self) -> Path:
        """The environment's interpreter, whether it exists or not."""
        return self.folder / ".venv" / "bin" / "python"

    def wanted_stamp(self) -> str:
        """Digest of everything that decides what the environment holds, the interpreter in it included."""
        digest = hashlib.sha256(f"{self.folder} {UV_VERSION} {self.arguments}".encode())
        for path in (self.folder / "pyproject.toml", self.folder / "uv.lock", self.folder / ".venv" / "pyvenv.cfg"):
            digest.update(path.read_bytes() if path.is_file() else b"absent")
        return digest.hexdigest()

    def is_ready(self) -> bool:
        """True if the environment was completed from the lock file as it stands."""
        stamp = self.folder / ".venv" / STAMP_NAME
        return os.access(self.python, os.X_OK) and stamp.is_file() and stamp.read_text() == self.wanted_stamp()

    def mark_ready(self) -> None:
        """Record that the environment is complete; the last act, so that an interrupted set-up starts again."""
        stamp = self.folder / ".venv" / STAMP_NAME
        fresh = stamp.with_suffix(f".{os.getpid()}")
        fresh.write_text(self.wanted_stamp())
        fresh.replace(stamp)


def environments(root: Path) -> list[Environment]:
    """Return the environments of a clone: Stile's own, and those whose pins differ from its own.

    These are LocalStack's, and the vendor's SDKs that tests drive as plain clients: little of those is imported, so
    they are compiled as they are used.
    """
    sdks, lazily = root / "tests" / "official_sdk", ("--no-compile-bytecode",)
    others = [
        Environment("the local AWS cloud's packages", root / "infra" / "localcloud" / "aws"),
        Environment("the SageMaker SDK 2 of the tests", sdks / "v2", lazily),
        Environment("the SageMaker SDK 3 of the tests", sdks / "v3", lazily),
        Environment("the Kubeflow Pipelines SDK of the tests", sdks / "kfp", lazily),
    ]
    locked = [environment for environment in others if (environment.folder / "uv.lock").is_file()]
    return [Environment("Stile's packages", root, ("--all-extras",)), *locked]


def cache_dir() -> Path:
    """Return the folder outside the repository that holds what is downloaded or built once."""
    if os.environ.get("STILE_CACHE_DIR"):
        return Path(os.environ["STILE_CACHE_DIR"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stile"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that the kernel releases when the process ends, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another start of Stile is setting up; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def say(text: str, end: str = "\n") -> None:
    """Tell the user something, on stderr: stdout belongs to the command."""
    sys.stderr.write(f"stile: {text}{end}")
    sys.stderr.flush()


def run_step(title: str, command: list[str], *, source: str, folder: Path | None = None) -> None:
    """Run one program of the set-up, with a sign of life while it works.

    Raises:
        StepFailed: the program failed; carries its last lines.
    """
    live = sys.stderr.isatty()
    started = time.monotonic()
    say(f"{title} ...", end="\r" if live else "\n")
    output: deque[str] = deque(maxlen=40)
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    reader = threading.Thread(target=lambda: output.extend(process.stdout or ()), daemon=True)
    reader.start()
    try:
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(BEAT_SECONDS[live])
            if process.poll() is None:
                beat(title, time.monotonic() - started, output, live=live)
    finally:
        process.terminate()
        process.wait()
        reader.join()
        if process.stdout is not None:
            process.stdout.close()
    if process.returncode:
        raise StepFailed(f"{title} failed (exit code {process.returncode})", source, list(output))
    say(f"{title}: done in {time.monotonic() - started:.0f} s" + (" \x1b[K" if live else ""))


def beat(title: str, elapsed_seconds: float, output: deque[str], *, live: bool) -> None:
    """Show that a step still works, and on what."""
    doing = output[-1].strip()[:60] if output else ""
    if doing.startswith("Installed"):
        doing += "; compiling them to byte code"
    if live:
        say(f"{title} ... {elapsed_seconds:.0f} s  {doing}\x1b[K", end="\r")
    else:
        say(f"{title} ... {elapsed_seconds:.0f} s  {doing}".rstrip())


def ensure_uv(cache: Path) -> Path:
    """Return the uv of the pinned version, installed into the cache if it is not there.

    Raises:
        StepFailed: neither `venv` nor `pip` of the Python in use could fetch it.
    """
    home = cache / "uv" / UV_VERSION
    uv = home / "bin" / "uv"
    if uv.is_file():
        return uv
    with locked(cache / "uv" / "install.lock"):
        if uv.is_file():
            return uv
        with tempfile.TemporaryDirectory(prefix=".new-", dir=str(home.parent)) as fresh:
            install_uv(Path(fresh) / "uv")
            shutil.rmtree(home, ignore_errors=True)
            (Path(fresh) / "uv").rename(home)
    return uv


def install_uv(target: Path) -> None:
    """Put uv into a folder: through a virtual environment, or `pip --target` where Python lacks ensurepip."""
    arguments = ["install", "--disable-pip-version-check", "--retries", "2", f"uv=={UV_VERSION}"]
    source = "from the package registry that pip is set to use (PIP_INDEX_URL, pip.conf)"
    try:
        run_step("a virtual environment for uv", [sys.executable, "-m", "venv", str(target)], source="")
        pip = [str(target / "bin" / "python"), "-m", "pip"]
    except StepFailed:
        say("this Python cannot make virtual environments; trying its own pip")
        shutil.rmtree(target, ignore_errors=True)
        pip = [sys.executable, "-m", "pip"]
        arguments += ["--target", str(target)]
    run_step(f"uv {UV_VERSION}", [*pip, *arguments], source=source)


def sync(environment: Environment, uv: Path) -> None:
    """Make an environment hold exactly what its lock file says."""
    run_step(
        environment.title,
        [str(uv), "sync", "--frozen", "--compile-bytecode", "--no-progress", *environment.arguments],
        folder=environment.folder,
        source="from the package registry that uv is set to use (UV_DEFAULT_INDEX, uv.toml)",
    )
    environment.mark_ready()


def prepare(root: Path) -> None:
    """Make every environment ready; does nothing, quickly, when all are.

    Raises:
        StepFailed: a step failed; what was fetched stays in the caches for the next try.
    """
    if all(environment.is_ready() for environment in environments(root)):
        return
    cache = cache_dir()
    uv = ensure_uv(cache)
    clone = hashlib.sha256(str(root).encode()).hexdigest()[:16]
    with locked(cache / "locks" / f"{clone}.lock"):
        for environment in environments(root):
            if not environment.is_ready():
                sync(environment, uv)


def explain(failure: StepFailed) -> None:
    """Say what failed, why, from where it was to come, and what to do."""
    say(f"\x1b[K{failure.what}" if sys.stderr.isatty() else failure.what)
    for line in failure.output[-12:]:
        say(f"  | {line.rstrip()}")
    if failure.source:
        say(f"  what was missing comes {failure.source}.")
    say("  fix: if the lines above speak of a connection, a name or a timeout, this machine does not reach it:")
    say("       connect it, or name a mirror that it reaches; then run the command again. Downloads are kept.")


def stop(number: int, _frame: object) -> NoReturn:
    """End on SIGTERM as on Ctrl-C, so that children and temporary folders go too."""
    raise SystemExit(128 + number)


def start(root: Path, arguments: list[str]) -> NoReturn:
    """Replace this process by the command line."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    python = root / ".venv" / "bin" / "python"
    os.environ["PATH"] = os.pathsep.join([str(python.parent), os.environ.get("PATH", os.defpath)])
    os.execv(python, [str(python), "-P", "-m", "infra.cli", *arguments])  # noqa: S606 - no shell is the point


def main(root: Path, arguments: list[str]) -> int:
    """Prepare the clone and start the command line; returns an exit code only if that was not possible."""
    signal.signal(signal.SIGTERM, stop)
    os.environ.pop("UV_PROJECT_ENVIRONMENT", None)
    try:
        prepare(root)
    except StepFailed as failure:
        explain(failure)
        return 1
    except KeyboardInterrupt:
        say("stopped; the next start goes on from here")
        return 130
    start(root, arguments)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
