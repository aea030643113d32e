"""Ctrl-C ends a run properly: the cloud's execution is stopped, its jobs are gone, the command says so."""

import json
import signal
import subprocess
import sys
import time
from typing import Any

import psutil
import pytest

from tests.e2e.conftest import Demo
from tests.e2e.project import ENVIRONMENT

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.changes_the_demo]


def running_execution(demo: Demo, pipeline: str, before: set[str]) -> str:
    """The new execution's ARN, once one of its jobs runs."""
    sagemaker = demo.client("sagemaker")
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for summary in sagemaker.list_pipeline_executions(PipelineName=pipeline)["PipelineExecutionSummaries"]:
            arn: str = summary["PipelineExecutionArn"]
            steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
            if arn not in before and any("Metadata" in step for step in steps):
                return arn
        time.sleep(0.2)
    raise AssertionError("no job of the run started")


def job_processes(demo: Demo) -> list[list[str]]:
    """Command lines of jobs of the image under this local cloud; those of endpoints end in `serve`."""
    record = json.loads((demo.project.folder / ".stile" / "local" / "aws.json").read_text())
    lines = [process.cmdline() for process in psutil.Process(record["pid"]).children(recursive=True)]
    return [line for line in lines if any("ml_jobs." in part for part in line) and line[-1] != "serve"]


def test_ctrl_c_stops_the_run_and_its_jobs(demo: Demo) -> None:
    """Exit code 130; nobody pays for a run that nobody waits for."""
    (model,) = demo.outputs["models"].values()
    sagemaker: Any = demo.client("sagemaker")
    listed = sagemaker.list_pipeline_executions(PipelineName=model["pipeline"])["PipelineExecutionSummaries"]
    command = subprocess.Popen(
        [sys.executable, "-m", "infra.cli", "run", ENVIRONMENT],
        cwd=demo.project.folder,
        env=demo.project.variables,
        stderr=subprocess.PIPE,
        text=True,
    )
    execution = running_execution(demo, model["pipeline"], {one["PipelineExecutionArn"] for one in listed})
    command.send_signal(signal.SIGINT)
    _, said = command.communicate(timeout=120)
    assert command.returncode == 130, said
    assert "was stopped" in said
    described = sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)
    assert described["PipelineExecutionStatus"] == "Stopped"
    assert job_processes(demo) == []
