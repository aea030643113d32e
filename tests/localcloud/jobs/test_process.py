"""Protects that a job's processes end whole, whoever ends them, and that its output is kept line by line."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from infra.localcloud.jobs import process
from infra.localcloud.jobs.process import Command, Ending, Exit, JobProcess, Limits, LogLine
from infra.localcloud.jobs.root import UNSHARE, Mode, probe

CONTAINED = (*UNSHARE, "--mount-proc", "sh", "-c", '"$@"; exit $?', "init")
# Leaves its session, forks away from its parent, and would sleep long after the job.
STRAY = """
import os, signal, subprocess, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", "%s"])
    os._exit(0)
%s
"""


@pytest.fixture(params=["contained", "uncontained"])
def contained(request: pytest.FixtureRequest) -> bool:
    if request.param == "contained" and probe(None) is not Mode.NAMESPACE:
        pytest.skip("this machine gives no namespaces")
    return bool(request.param == "contained")


Start = Callable[..., tuple[JobProcess, list[LogLine]]]


@pytest.fixture
def start(tmp_path: Path, contained: bool) -> Start:
    """Start Python on a script, in a PID namespace and without one."""

    def run(script: str, limits: Limits = Limits()) -> tuple[JobProcess, list[LogLine]]:  # noqa: B008 - frozen
        lines: list[LogLine] = []
        argv = (*(CONTAINED if contained else ()), sys.executable, "-u", "-c", script)
        command = Command(argv, {"PATH": os.environ["PATH"]}, tmp_path, contained=contained)
        return process.start(command, log_path=tmp_path / "log", sink=lines.append, limits=limits), lines

    return run


def sleeping(mark: str) -> list[psutil.Process]:
    return [one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == ["sleep", mark]]


def wait_until(holds: Callable[[], bool]) -> None:
    while not holds():
        threading.Event().wait(0.01)  # the pace of asking; pytest's own limit ends it


def test_lines_come_with_their_times_and_are_kept(start: Start, tmp_path: Path) -> None:
    job, lines = start("import sys; print('out'); print('\\xe4', file=sys.stderr); sys.stdout.write('no newline')")
    assert job.wait(30) == Exit(0, Ending.EXITED)
    assert [line.text for line in lines] == ["out", "\xe4", "no newline"]
    assert lines[0].timestamp_ms <= lines[-1].timestamp_ms
    assert (tmp_path / "log").read_text() == "out\n\xe4\nno newline"


def test_bytes_that_are_no_text_do_not_stop_a_log(start: Start) -> None:
    job, lines = start("import os; os.write(1, b'\\xff\\n'); print('after')")
    job.wait(30)
    assert [line.text for line in lines] == ["\ufffd", "after"]


def test_a_failing_reader_does_not_hang_the_job(tmp_path: Path) -> None:
    """Protects against a full pipe: the job writes more than one holds while its reader raises."""

    def fail(line: LogLine) -> None:
        raise RuntimeError(line.text)

    command = Command((sys.executable, "-c", "print('x' * 80 + '\\n', end='', flush=True)\n" * 3000), {}, tmp_path)
    job = process.start(command, log_path=tmp_path / "log", sink=fail)
    assert job.wait(60) == Exit(0, Ending.EXITED)


@pytest.mark.parametrize(
    ("script", "code"), [("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 128 + 9)]
)
def test_the_exit_code_is_the_shells(start: Start, script: str, code: int) -> None:
    assert start(script)[0].wait(30) == Exit(code, Ending.EXITED)


def test_what_a_job_leaves_behind_ends_with_it(start: Start) -> None:
    """Protects: a grandchild in a session of its own, without a parent, is gone when the job has ended."""
    job, _ = start(STRAY % ("76501", "print('done')"))
    assert job.wait(30) == Exit(0, Ending.EXITED)
    assert sleeping("76501") == []


def test_stop_lets_the_program_finish_and_then_takes_its_tree(start: Start) -> None:
    polite = "signal.signal(15, lambda *_: (print('saved'), sys.exit(4))); print('ready'); time.sleep(600)"
    job, lines = start(STRAY % ("76502", polite))
    wait_until(lambda: [line.text for line in lines] == ["ready"] and bool(sleeping("76502")))
    job.stop()
    assert job.wait(30) == Exit(4, Ending.STOPPED)
    assert lines[-1].text == "saved"
    assert sleeping("76502") == []


def test_a_program_that_ignores_the_stop_is_killed_after_the_grace(start: Start) -> None:
    deaf = "signal.signal(15, signal.SIG_IGN); print('ready'); time.sleep(600)"
    job, lines = start(STRAY % ("76503", deaf), Limits(stop_grace_seconds=0.3))
    wait_until(lambda: bool(lines) and bool(sleeping("76503")))
    job.stop()
    ended = job.wait(30)
    assert ended is not None
    assert (ended.code, ended.ending) == (128 + signal.SIGKILL, Ending.STOPPED)
    assert sleeping("76503") == []


def test_a_program_without_a_handler_ends_at_once(start: Start) -> None:
    """Protects: the first process of a PID namespace would ignore SIGTERM; a stop must not last the whole grace."""
    job, lines = start("print('ready'); import time; time.sleep(600)", Limits(stop_grace_seconds=300))
    wait_until(lambda: bool(lines))
    job.stop()
    assert job.wait(30) == Exit(128 + signal.SIGTERM, Ending.STOPPED)


def test_a_stop_before_the_program_stands_ends_the_job(tmp_path: Path) -> None:
    """Protects: an init that did not yet ask to die with its parent neither runs on nor keeps the job from ending."""
    argv = ("sh", "-c", "sleep 76505; :")  # a parent and its child, as `unshare` and its fork are at that moment
    command = Command(argv, {"PATH": os.environ["PATH"]}, tmp_path, contained=True)
    job = process.start(command, log_path=tmp_path / "log", sink=lambda _: None)
    wait_until(lambda: bool(sleeping("76505")))
    job.stop()
    assert job.wait(30) == Exit(128 + signal.SIGKILL, Ending.STOPPED)
    assert sleeping("76505") == []


def test_a_stop_while_the_root_is_prepared_starts_no_program(tmp_path: Path) -> None:
    """Protects: what only prepares takes the signal along when it ends; the program would never hear of it."""
    if probe(None) is not Mode.NAMESPACE:
        pytest.skip("this machine gives no namespaces")
    begins = tmp_path / "begins"
    prepare = f"echo preparing; sh -c 'trap : TERM; sleep 0.5; sleep 0.5'; : > {begins}; \"$@\"; exit $?"
    argv = (*UNSHARE, "sh", "-c", prepare, "init", "sleep", "76506")
    command = Command(argv, {"PATH": os.environ["PATH"]}, tmp_path, contained=True, begins=begins)
    lines: list[LogLine] = []
    job = process.start(command, log_path=tmp_path / "log", sink=lines.append, limits=Limits(stop_grace_seconds=300))
    wait_until(lambda: bool(lines))
    job.stop()
    assert job.wait(30) == Exit(128 + signal.SIGKILL, Ending.STOPPED)
    assert sleeping("76506") == []


def test_a_program_that_runs_in_a_prepared_root_hears_of_the_stop(tmp_path: Path) -> None:
    if probe(None) is not Mode.NAMESPACE:
        pytest.skip("this machine gives no namespaces")
    begins = tmp_path / "begins"
    polite = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(4)); print('ready'); time.sleep(600)"
    argv = (*UNSHARE, "sh", "-c", f': > {begins}; "$@"; exit $?', "init", sys.executable, "-u", "-c", polite)
    command = Command(argv, {"PATH": os.environ["PATH"]}, tmp_path, contained=True, begins=begins)
    lines: list[LogLine] = []
    job = process.start(command, log_path=tmp_path / "log", sink=lines.append)
    wait_until(lambda: bool(lines))
    job.stop()
    assert job.wait(30) == Exit(4, Ending.STOPPED)


@pytest.mark.slow
def test_a_stop_at_any_moment_of_the_start_ends_the_job(start: Start) -> None:
    for hundredth in range(40):
        job, _ = start("import time; time.sleep(600)", Limits(stop_grace_seconds=300))
        threading.Event().wait(hundredth / 1000)
        job.stop()
        assert job.wait(30) is not None, hundredth


def test_the_time_limit_ends_a_job(start: Start) -> None:
    job, _ = start("import time; time.sleep(600)", Limits(max_runtime_seconds=0.5))
    ended = job.wait(30)
    assert ended is not None
    assert ended.ending is Ending.TIMED_OUT


def test_stopping_what_has_ended_changes_nothing(start: Start) -> None:
    job, _ = start("pass")
    assert job.wait(30) == Exit(0, Ending.EXITED)
    job.stop()
    assert job.poll() == Exit(0, Ending.EXITED)


PARENT = """
import os, sys
from pathlib import Path
from infra.localcloud.jobs import process
command = process.Command(tuple(sys.argv[2:]), {"PATH": os.environ["PATH"]}, Path("/"), contained="unshare" in sys.argv)
process.start(command, log_path=Path(sys.argv[1]), sink=lambda line: print(line.text, flush=True)).wait()
"""


def test_a_job_dies_with_a_parent_that_was_killed(tmp_path: Path, contained: bool) -> None:
    """Protects: a killed local cloud leaves no job running."""
    root = Path(__file__).resolve().parents[3]
    job = (*(CONTAINED if contained else ()), "sh", "-c", "echo ready; exec sleep 76504")
    argv = [sys.executable, "-c", PARENT, str(tmp_path / "log"), *job]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=root) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        wait_until(lambda: bool(sleeping("76504")))
        (alive,) = sleeping("76504")
        parent.kill()
        assert psutil.wait_procs([alive], timeout=30)[1] == []
