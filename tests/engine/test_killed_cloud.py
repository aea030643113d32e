"""kill -9 of the local cloud in the middle of an `up`: nothing of it runs on, and the next `up` builds all anew."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from infra.localcloud import lifecycle
from tests.engine.small_platform import WHOLE, Account, make, prepare
from tests.localcloud.cloud import LocalAws
from tests.localcloud.endpoint_ground import eventually

pytestmark = pytest.mark.slow


@pytest.fixture
def state_dir(crane: str, tmp_path: Path) -> Iterator[Path]:
    """The state of a cloud of this test's own, which is stopped afterwards."""
    path = tmp_path / "cloud"
    yield path
    lifecycle.stop("aws", path, print)


def marked(boot_id: str) -> list[list[str]]:
    """The command lines of processes of one boot of the cloud."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(lifecycle.BOOT_VARIABLE) == boot_id and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.cmdline())
        except psutil.Error:
            continue
    return found


def serves_mlflow(boot_id: str) -> bool:
    """True once MLflow's server has a child of its own."""
    return any("uvicorn" in " ".join(command) for command in marked(boot_id))


def test_a_cloud_killed_during_up_leaves_nothing_and_the_next_up_goes_on(
    crane: str, state_dir: Path, tmp_path: Path
) -> None:
    """Jobs and servers die with it, MLflow's own children too; the state is not believed."""
    first = lifecycle.start("aws", state_dir, print)
    aws = LocalAws(first)
    platform = make(tmp_path / "project", aws, "cut", "nobody")
    platform.release(1, prepare(aws, crane, tmp_path / "image"))
    with ThreadPoolExecutor() as pool:
        busy = pool.submit(platform.up)
        eventually(lambda: serves_mlflow(first.boot_id), attempts=2000)
        os.kill(first.pid, signal.SIGKILL)
        said = busy.result()
    assert said.error
    eventually(lambda: not marked(first.boot_id))

    second = LocalAws(lifecycle.start("aws", state_dir, print))
    again = replace(platform, aws=second)
    again.release(1, prepare(second, crane, tmp_path / "image"))
    said = again.up()
    assert said.error == ""
    assert any("started anew" in message or "was cut off" in message for message in said.messages)
    assert Account(second, "cut").counts() == WHOLE
    assert again.up().changes == {"same": sum(said.changes.values())}
