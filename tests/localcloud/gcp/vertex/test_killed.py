"""kill -9: of a job, which its pipeline tells; of the cloud, which takes jobs and model servers with it."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.localcloud import lifecycle
from tests.localcloud.gcp.cloud import PLACE, LocalGcp
from tests.localcloud.gcp.vertex.ground import SERVER, Ground, eventually, ground
from tests.localcloud.gcp.vertex.test_endpoint_rules import Api

HANG = """
import time
print("working", flush=True)
time.sleep(600)
"""


@pytest.fixture
def own(crane: str, tmp_path: Path) -> Iterator[Ground]:
    """A place in a cloud of this test's own, which is stopped afterwards."""
    state_dir = tmp_path / "cloud"
    with ExitStack() as clients:
        yield ground(LocalGcp(lifecycle.start("gcp", state_dir, print), _open=clients), crane, tmp_path)
    lifecycle.stop("gcp", state_dir, print)


def marked(boot_id: str) -> list[psutil.Process]:
    """The processes of one boot of the cloud."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(lifecycle.BOOT_VARIABLE) == boot_id and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def program(mark: str) -> psutil.Process | None:
    """The program that was started with an argument: the innermost of those that have it."""
    found = [one for one in psutil.process_iter(["cmdline"]) if mark in (one.info["cmdline"] or ())]
    inner = [one for one in found if not any(child in found for child in one.children())]
    return inner[0] if inner and "python" in inner[0].name() else None


def begin(api: Api, image: str, mark: str) -> str:
    """Start a custom job that has a mark among its arguments, and return its name."""
    pool = {"machineSpec": {"machineType": "n1-standard-4"}, "containerSpec": {"imageUri": image, "args": [mark]}}
    body = {"displayName": mark, "jobSpec": {"workerPoolSpecs": [pool]}}
    name: str = api.ask("POST", f"{PLACE}/customJobs", body)["name"]
    return name


def test_a_killed_job_fails_with_its_exit_code(vertex: Ground) -> None:
    """137, as a container that is killed for lack of memory ends on Vertex AI."""
    api, mark = Api(vertex, ""), vertex.gcp.name("killed-mark")
    with api.http:
        name = begin(api, vertex.image(HANG), mark)
        found: psutil.Process = eventually(lambda: program(mark))
        found.kill()

        def ended() -> Any:
            job = api.ask("GET", name)
            return job if job["state"] == "JOB_STATE_FAILED" else None

        assert "non-zero status of 137" in eventually(ended)["error"]["message"]


def test_a_killed_cloud_leaves_no_process(own: Ground) -> None:
    """Protects: jobs, model servers and the registry die with the cloud, whatever it was doing."""
    boot_id = own.gcp.cloud.boot_id
    api = Api(own, own.image(SERVER))
    with api.http:
        endpoint = api.endpoint("served")
        begin(api, own.image(HANG), "killed-with-the-cloud")
        job: psutil.Process = eventually(lambda: program("killed-with-the-cloud"))
        assert api.predict(endpoint, 1)["predictions"][0]["word"] == "served"
        before = marked(boot_id)
        assert job in before
        assert len(before) > 3
        os.kill(own.gcp.cloud.pid, signal.SIGKILL)
    eventually(lambda: not [one for one in marked(boot_id) if one.pid != own.gcp.cloud.pid])
