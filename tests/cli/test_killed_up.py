"""kill -9 in the middle of the whole stack's `up`: the next one goes on, with nothing lost and nothing twice."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.exceptions import ClientError

from tests.e2e.project import ENVIRONMENT, Project, copy

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = copy(tmp_path)
    yield made
    made.stile("local", "stop")


def sagemaker(project: Project) -> Any:
    """A client of the copy's local cloud."""
    record = json.loads((project.folder / ".stile" / "local" / "aws.json").read_text())
    account = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    return boto3.client("sagemaker", endpoint_url=record["endpoint_url"], **account)


def apps(project: Project) -> list[str]:
    """The MLflow Apps that the cloud has, by ARN."""
    try:
        return [app["Arn"] for app in sagemaker(project).list_mlflow_apps()["Summaries"]]
    except (FileNotFoundError, ClientError):
        return []


def kill_while_the_app_is_created(project: Project) -> None:
    """Kill the command and the CLI, as when a machine goes down, once the cloud has begun with the slowest part."""
    command = [sys.executable, "-m", "infra.cli", "up", ENVIRONMENT]
    said = project.folder / "up.txt"
    with said.open("w") as output:
        busy = subprocess.Popen(command, cwd=project.folder, env=project.variables, stdout=output, stderr=output)
    deadline = time.monotonic() + 300
    while not apps(project):
        assert busy.poll() is None, said.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    children = psutil.Process(busy.pid).children(recursive=True)
    busy.kill()
    for process in (child for child in children if child.name() == "pulumi" and child.is_running()):
        process.kill()
    busy.wait()


def test_the_next_up_goes_on_where_the_killed_one_was(project: Project) -> None:
    """The MLflow App takes longest, has an id that nobody can guess, and a name that cannot be had twice."""
    kill_while_the_app_is_created(project)
    begun = apps(project)
    state = project.must("status", ENVIRONMENT, "--json").json()
    assert any("MlflowApp" in urn for urn in state["pending"])
    went_on = project.must("up", ENVIRONMENT, "--json")
    assert "was cut off or failed during" in went_on.stderr
    assert apps(project) == begun
    assert project.must("up", ENVIRONMENT, "--json").json()["changed"] == 0
    project.must("refresh", ENVIRONMENT, "--check")
