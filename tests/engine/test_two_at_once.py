"""Two `up` at once: the second says who holds the lock and since when, and changes not a byte of the state."""

import getpass
import hashlib
import re
import socket
from pathlib import Path

import psutil
import pytest

from infra.engine.locks import holder
from tests.engine.small_project import SmallProject, await_true, finish

pytestmark = pytest.mark.slow


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_second_is_told_who_works_and_changes_nothing(project: SmallProject) -> None:
    """The process that is named is the first one's CLI; it ends its work undisturbed."""
    project.declare(first={"text": "wait"})
    busy = project.start("up")
    await_true((project.control / "begun").exists, "the create has begun")
    clis = [child.pid for child in psutil.Process(busy.pid).children(recursive=True) if child.name() == "pulumi"]
    before = digests(project.environment.backend_dir)
    said = project.run("up")
    assert digests(project.environment.backend_dir) == before
    told = re.search(r"another process works on \S+: (\S+) on (\S+), process (\d+), since (\S+)", said["error"])
    assert told is not None, said["error"]
    assert told.groups()[:2] == (getpass.getuser(), socket.gethostname())
    assert int(told[3]) in clis
    assert "wait until it ends" in said["fix"]
    seen = holder(project.environment)
    assert seen is not None
    assert (seen.pid, seen.since[:19], seen.is_alive) == (int(told[3]), told[4][:19], True)
    (project.control / "go").touch()
    assert finish(busy)["changes"]["create"] == 3
    assert holder(project.environment) is None
