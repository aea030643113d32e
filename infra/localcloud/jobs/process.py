"""One program run as a job: its output captured line by line, stopped with its whole tree, dead with its parent."""

import contextlib
import enum
import logging
import os
import shutil
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

LOG = logging.getLogger(__name__)
COOKIE = "STILE_JOB_COOKIE"
"""Environment variable that every descendant of an uncontained job inherits, by which stragglers are found."""

# PR_SET_PDEATHSIG fires when the *thread* that forked ends, so all forks happen in one thread that outlives them.
_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="job-spawner")


@dataclass(frozen=True)
class LogLine:
    """One line of a job's output, with the time at which it was read (milliseconds since the epoch)."""

    timestamp_ms: int
    text: str


Sink = Callable[[LogLine], None]
"""Takes lines as they come, from the job's own reader thread; must not block for long."""


class Ending(enum.Enum):
    """Why a process ended."""

    EXITED = "exited"
    STOPPED = "stopped"
    TIMED_OUT = "timed out"


@dataclass(frozen=True)
class Exit:
    """How a process ended; `code` follows the shell: 128 + n for signal n."""

    code: int
    ending: Ending


@dataclass(frozen=True)
class Limits:
    """What a process may use: its run time, and the time between SIGTERM and SIGKILL when it is stopped."""

    max_runtime_seconds: float | None = None
    stop_grace_seconds: float = 120.0


@dataclass(frozen=True)
class Command:
    """What to run.

    Attributes:
        contained: argv starts a PID namespace, whose end takes the whole tree with it.
        begins: a file that is there once what prepares the namespace is done, right before the program starts.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    contained: bool = False
    begins: Path | None = None


class JobProcess:
    """A running command. Made by `start`."""

    def __init__(self, command: Command, limits: Limits, log_path: Path, sink: Sink) -> None:
        self._command = command
        self._limits = limits
        self._sink = sink
        self._cookie = uuid.uuid4().hex
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._ending = Ending.EXITED
        self._exit: Exit | None = None
        self._timers: list[threading.Timer] = []
        self._popen = _SPAWNER.submit(self._spawn).result()
        self.started_at = time.time()
        self._reader = threading.Thread(target=self._read, args=(log_path,), name=f"job-output-{self.pid}", daemon=True)
        self._reader.start()
        threading.Thread(target=self._watch, name=f"job-watch-{self.pid}", daemon=True).start()
        if limits.max_runtime_seconds is not None:
            self._after(limits.max_runtime_seconds, lambda: self._end(Ending.TIMED_OUT))

    @property
    def pid(self) -> int:
        """The process id of the outermost process."""
        return self._popen.pid

    def wait(self, timeout_seconds: float | None = None) -> Exit | None:
        """Wait until the process, its tree and its output have ended; None when the time is over first."""
        self._ended.wait(timeout_seconds)
        return self._exit

    def poll(self) -> Exit | None:
        """Return how the process ended, or None while it runs."""
        return self._exit

    def stop(self) -> None:
        """Ask the process to end (SIGTERM), and kill its tree after the grace; returns at once, see `wait`."""
        self._end(Ending.STOPPED)

    def tree(self) -> list[psutil.Process]:
        """Return the live processes of this job."""
        return sorted(set(self._members()), key=lambda process: process.pid)

    def _spawn(self) -> subprocess.Popen[bytes]:
        env = dict(self._command.env)
        if not self._command.contained:
            env[COOKIE] = self._cookie
        return subprocess.Popen(
            [*_die_with_parent(), *self._command.argv],
            env=env,
            cwd=self._command.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _read(self, log_path: Path) -> None:
        stream = self._popen.stdout
        assert stream is not None  # noqa: S101 - asked for above
        with stream, log_path.open("ab", buffering=0) as log:
            for raw in stream:
                log.write(raw)
                line = LogLine(int(time.time() * 1000), raw.decode("utf-8", "replace").rstrip("\r\n"))
                try:
                    self._sink(line)
                except Exception:  # a job must not hang on a full pipe because a reader of its log fails
                    LOG.exception("the reader of a job's output failed on %r", line.text[:200])

    def _watch(self) -> None:
        code = self._popen.wait()
        with self._lock:
            for timer in self._timers:
                timer.cancel()
        self._kill_tree()
        self._reader.join()
        self._exit = Exit(code if code >= 0 else 128 - code, self._ending)
        self._ended.set()

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        timer = threading.Timer(seconds, action)
        timer.daemon = True
        with self._lock:
            self._timers.append(timer)
        timer.start()

    def _end(self, ending: Ending) -> None:
        with self._lock:
            if self._ending is not Ending.EXITED or self._popen.returncode is not None:
                return
            self._ending = ending
        main = self._main()
        if main is None:
            self._kill_tree()
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            main.send_signal(signal.SIGTERM)
        self._after(self._limits.stop_grace_seconds, self._kill_tree)

    def _main(self) -> psutil.Process | None:
        """Return the job's own first process: in a PID namespace the child of its init, None before there is one.

        What only prepares the namespace is none: it would take the signal along and end, and the program would start.
        """
        if self._command.begins is not None and not self._command.begins.exists():
            return None
        try:
            process = psutil.Process(self.pid)
            if not self._command.contained:
                return process
            inits = process.children()
            programs = inits[0].children() if inits else []
        except psutil.NoSuchProcess:
            return None
        return programs[0] if programs else None

    def _members(self) -> Iterator[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            outermost = psutil.Process(self.pid)
            yield from (process for process in [outermost, *outermost.children(recursive=True)] if _lives(process))
        if not self._command.contained:
            yield from (process for process in psutil.process_iter() if _carries(process, self._cookie))

    def _kill_tree(self) -> None:
        """Kill everything that belongs to the job, until nothing is left that could fork again."""
        if self._command.contained:
            if self._popen.returncode is None:
                self._popen.kill()  # the namespace's init dies with it, and the kernel kills the rest
                return
            # Killed between its fork and the child's wish to die with it, `unshare` leaves an init that runs on.
            for process in _of_session(self.pid):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            return
        while members := self.tree():
            for process in members:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self._popen.wait()
            # Short: one that nobody collects stays a zombie, which `tree` leaves out.
            psutil.wait_procs([process for process in members if process.pid != self.pid], timeout=0.02)


def start(command: Command, *, log_path: Path, sink: Sink, limits: Limits = Limits()) -> JobProcess:
    """Start a command in a session of its own, its output appended to `log_path` and given to `sink` line by line.

    Raises OSError when the program cannot be started at all.
    """
    return JobProcess(command, limits, log_path, sink)


@cache
def _die_with_parent() -> tuple[str, ...]:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        LOG.warning("setpriv (util-linux) is missing: jobs may outlive a killed local cloud")
        return ()
    return (setpriv, "--pdeathsig", "KILL", "--")


def _of_session(pid: int) -> Iterator[psutil.Process]:
    """Yield the processes of a session: its number is not given again while it has members."""
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(process.pid) == pid:
                yield process


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _carries(process: psutil.Process, cookie: str) -> bool:
    if process.pid == os.getpid():
        return False
    try:
        return process.environ().get(COOKIE) == cookie and _lives(process)
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, OSError):
        return False
