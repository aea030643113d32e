"""An environment is destroyed and comes again: data and models stay unless they are named."""

import socket
from urllib.parse import urlsplit

import psutil
import pytest

from tests.e2e.conftest import Demo
from tests.e2e.project import ENVIRONMENT, Project

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.ends_the_demo]


def in_state(project: Project) -> list[str]:
    done = project.shell(f"pulumi stack export -s {ENVIRONMENT}")
    assert done.code == 0, done.stderr
    resources = done.json()["deployment"].get("resources", [])
    return [one["type"] for one in resources if not one["type"].startswith("pulumi:")]


def processes(project: Project) -> list[str]:
    """Command lines of processes that work in the project's state directory."""
    mark = str(project.folder)
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        facts = [*(process.info["cmdline"] or []), *(process.info["environ"] or {}).values()]
        if process.pid != psutil.Process().pid and any(mark in fact for fact in facts):
            found.append(" ".join(process.info["cmdline"] or [])[:200])
    return found


def test_an_environment_is_destroyed_and_comes_again(demo: Demo) -> None:
    """destroy, demo, destroy --with-data, demo, local stop: each step leaves what it says, and nothing else."""
    project = demo.project
    kept = project.must("destroy", ENVIRONMENT, "--json").json()["kept"]
    assert any("aws:s3/bucket:Bucket" in urn for urn in kept)
    assert any("ModelPackageGroup" in urn for urn in kept)
    again = project.must("demo", "aws", "--json").json()
    assert again["endpoint"]["predictions"] > 0
    assert project.outputs()["data_bucket"] == demo.outputs["data_bucket"]

    project.must("destroy", ENVIRONMENT, "--with-data", "--yes")
    assert in_state(project) == []
    assert project.must("demo", "aws", "--json").json()["endpoint"]["predictions"] > 0

    project.must("local", "stop")
    assert processes(project) == []
    where = urlsplit(demo.variables["AWS_ENDPOINT_URL"])
    with socket.socket() as one:
        assert one.connect_ex((str(where.hostname), int(where.port or 0))) != 0
