"""Protects that an image's own code runs, in a root of its own or with a root variable, seeing only what it should."""

import json
import sys
from pathlib import Path

import pytest

from infra.localcloud.jobs.container import Container, ContainerHost
from infra.localcloud.jobs.process import Ending, LogLine
from infra.localcloud.jobs.root import Mode
from tests.localcloud.jobs.conftest import Push

REPORT = """
import json, os, sys
root = os.environ.get("STILE_CONTAINER_ROOT", "")
import carried
print(json.dumps({
    "argv": sys.argv[1:], "file": __file__, "carried": carried.VALUE, "env": dict(os.environ), "pid": os.getpid(),
    "input": open(root + "/opt/ml/input/data.txt").read(), "prefix": sys.prefix, "cwd": os.getcwd(),
    "packages": sorted({m.split(".")[0] for m in sys.modules}), "visible": os.listdir("/"),
}))
os.makedirs(root + "/opt/ml/model", exist_ok=True)
open(root + "/opt/ml/model/out.txt", "w").write("made")
"""


def run(container: Container, entrypoint: tuple[str, ...] | None = None) -> tuple[int, list[str]]:
    lines: list[LogLine] = []
    ended = container.start(env={"OWN": "1"}, sink=lines.append, entrypoint=entrypoint).wait(60)
    assert ended is not None
    assert ended.ending is Ending.EXITED
    return ended.code, [line.text for line in lines]


@pytest.fixture
def image(push: Push) -> str:
    return push(
        {"opt/code/report.py": REPORT, "opt/packages/carried.py": "VALUE = 'from the layer'\n"},
        "--entrypoint=python,/opt/code/report.py",
        "--env=PYTHONPATH=/opt/code:/opt/packages",
        "--cmd=one,two",
    )


def test_the_images_own_code_runs_on_the_jobs_own_files(host: ContainerHost, image: str) -> None:
    container = host.create("job", image)
    (container.files / "opt/ml/input").mkdir(parents=True)
    (container.files / "opt/ml/input/data.txt").write_text("42")
    code, lines = run(container)
    assert code == 0, lines
    report = json.loads(lines[-1])
    assert report["argv"] == ["one", "two"]
    assert report["carried"] == "from the layer"
    assert report["input"] == "42"
    assert Path(report["prefix"]) == Path(sys.base_prefix).resolve()
    assert (container.files / "opt/ml/model/out.txt").read_text() == "made"
    assert report["env"]["OWN"] == "1"
    assert "HOSTNAME" not in report["env"]
    if host.mode is Mode.NAMESPACE:
        assert report["file"] == "/opt/code/report.py"
        assert "tmp" in report["visible"]
        assert "work" not in report["visible"]
        assert "home" not in report["visible"]
    else:
        assert report["env"]["STILE_CONTAINER_ROOT"] == str(container.files)


def test_the_requests_entrypoint_drops_the_images_command(host: ContainerHost, image: str) -> None:
    container = host.create("job", image)
    assert run(container, entrypoint=("/bin/sh", "-c", "echo own; exit 3")) == (3, ["own"])


def test_nothing_is_left_after_removal(host: ContainerHost, image: str) -> None:
    container = host.create("job", image)
    run(container, entrypoint=("/bin/sh", "-c", "mkdir locked; touch locked/x; chmod 0 locked"))
    container.remove()
    assert list(container.layout.run.parent.iterdir()) == []
