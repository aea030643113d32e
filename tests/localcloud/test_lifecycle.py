"""A local cloud starts once, is found while it lives, and leaves nothing behind."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from infra.errors import LocalCloudError
from infra.localcloud import lifecycle

pytestmark = pytest.mark.usefixtures("crane")


def quiet(line: str) -> None:
    assert line


def marked(boot_id: str) -> list[psutil.Process]:
    """The live processes of a boot."""
    return list(lifecycle._members(None, boot_id))


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / ".stile"


@pytest.fixture(params=lifecycle.LAUNCHES)
def name(request: pytest.FixtureRequest) -> str:
    """Each local cloud in turn."""
    return str(request.param)


def test_racing_starts_give_one_cloud_and_stop_leaves_nothing(name: str, state_dir: Path) -> None:
    """Protects: one cloud per clone, and no process or file of it after stop."""
    with ThreadPoolExecutor(4) as pool:
        clouds = list(pool.map(lambda _: lifecycle.start(name, state_dir, quiet), range(4)))
    cloud = clouds[0]
    try:
        assert {one.pid for one in clouds} == {cloud.pid}
        assert lifecycle.running(name, state_dir) == cloud
        assert httpx.get(f"{cloud.registry_url}/v2/").status_code == 200
        assert len(marked(cloud.boot_id)) >= 2
    finally:
        assert lifecycle.stop(name, state_dir, quiet)
    assert marked(cloud.boot_id) == []
    assert [path.name for path in (state_dir / "local").iterdir()] == [f"{name}.lock"]
    assert lifecycle.running(name, state_dir) is None
    assert not lifecycle.stop(name, state_dir, quiet)


def test_a_killed_cloud_is_not_running_and_takes_its_registry_with_it(name: str, state_dir: Path) -> None:
    """Protects: a crash of the cloud is seen, and the next start is a new boot."""
    first = lifecycle.start(name, state_dir, quiet)
    try:
        os.kill(first.pid, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(first.pid)])
        assert lifecycle.running(name, state_dir) is None
        assert marked(first.boot_id) == []
        second = lifecycle.start(name, state_dir, quiet)
        assert second.boot_id != first.boot_id
    finally:
        lifecycle.stop(name, state_dir, quiet)


def test_another_process_with_the_recorded_number_is_not_the_cloud(name: str, state_dir: Path) -> None:
    """Protects: a reused process id is neither taken for the cloud nor killed by stop."""
    path = state_dir / "local" / f"{name}.json"
    path.parent.mkdir(parents=True)
    record = {
        "schema": "stile.local/1",
        "cloud": name,
        "pid": os.getpid(),
        "boot_id": "none",
        "endpoint_url": "http://127.0.0.1:1",
        "registry_url": "http://127.0.0.1:2",
        "log_path": "log",
        "started_at": "2026-01-01T00:00:00+00:00",
    }
    path.write_text(json.dumps(record))
    assert not lifecycle.stop(name, state_dir, quiet)
    assert not path.exists()


def test_a_cloud_that_dies_at_its_start_says_so_with_its_log(
    name: str, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects: a failed start is an error with the reason, and leaves no process."""
    monkeypatch.setenv("STILE_CRANE", "/nonexistent/crane")
    monkeypatch.setattr(lifecycle, "READY_TIMEOUT_SECONDS", 3.0)
    with pytest.raises(LocalCloudError, match="/v2/ did not answer"):
        lifecycle.start(name, state_dir, quiet)
    assert lifecycle.running(name, state_dir) is None


def test_only_known_clouds_start(state_dir: Path) -> None:
    with pytest.raises(LocalCloudError, match="no local cloud for 'azure'"):
        lifecycle.start("azure", state_dir, quiet)
