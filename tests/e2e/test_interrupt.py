"""Ctrl-C ends a run properly: the cloud's execution is stopped, its jobs are gone, the command says so."""

import json
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.e2e.conftest import Demo, both_clouds

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.changes_the_demo, both_clouds]


def running_execution(demo: Demo, pipeline: str, before: set[str]) -> str:
    """The new execution, once one of its jobs runs."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for execution in demo.vendor.executions(pipeline):
            if execution not in before and demo.vendor.has_begun(execution):
                return execution
        time.sleep(0.2)
    raise AssertionError("no job of the run started")


def job_processes(demo: Demo) -> list[list[str]]:
    """Command lines of jobs of the image under this local cloud; those of endpoints end in `serve`."""
    record = json.loads((demo.project.folder / ".stile" / "local" / f"{demo.cloud}.json").read_text())
    lines = [process.cmdline() for process in psutil.Process(record["pid"]).children(recursive=True)]
    return [line for line in lines if any("ml_jobs." in part for part in line) and line[-1] != "serve"]


def test_ctrl_c_stops_the_run_and_its_jobs(demo: Demo) -> None:
    """Exit code 130; nobody pays for a run that nobody waits for."""
    (model,) = demo.outputs["models"].values()
    before = set(demo.vendor.executions(model["pipeline"]))
    command = subprocess.Popen(
        [sys.executable, "-m", "infra.cli", "run", demo.environment],
        cwd=demo.project.folder,
        env=demo.project.variables,
        stderr=subprocess.PIPE,
        text=True,
    )
    execution = running_execution(demo, model["pipeline"], before)
    command.send_signal(signal.SIGINT)
    _, said = command.communicate(timeout=120)
    assert command.returncode == 130, said
    assert "was stopped" in said
    assert demo.vendor.is_stopped(execution)
    assert job_processes(demo) == []
