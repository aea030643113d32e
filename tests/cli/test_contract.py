"""The command line's contract: one JSON object on stdout, everything else on stderr, exit codes of one table."""

import importlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

from infra.cli import console, main
from infra.errors import UsageError
from tests.e2e.project import Project, copy

# Every command that asks for nothing before it looks at its environment.
WITH_ENVIRONMENT = [
    "up",
    "preview",
    "cost",
    "status",
    "drift",
    "leftovers",
    "refresh",
    "destroy",
    "env",
    "run",
    "release",
    "predict",
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copy(tmp_path_factory.mktemp("clone"))


def error(stdout: str) -> dict[str, Any]:
    """The error object, and nothing but it."""
    document = json.loads(stdout)
    assert document["schema"] == "stile.error/1"
    assert document["error"].keys() >= {"kind", "message", "path", "fix"}
    found: dict[str, Any] = document["error"]
    return found


@pytest.mark.parametrize("name", WITH_ENVIRONMENT)
def test_an_environment_that_is_not_there_is_wrong_usage(project: Project, name: str) -> None:
    """Exit code 2, the path that is missing, and what there is instead."""
    said = project.stile(name, "nowhere", "--json")
    assert said.code == 2, said.stderr
    found = error(said.stdout)
    assert found["kind"] == "usage"
    assert found["path"].endswith("stacks/Pulumi.nowhere.yaml")
    assert "local-aws" in found["fix"]
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize("name", WITH_ENVIRONMENT)
def test_the_same_for_people_is_on_stderr(project: Project, name: str) -> None:
    said = project.stile(name, "nowhere")
    assert (said.code, said.stdout) == (2, "")
    assert said.stderr.startswith("error: no environment named 'nowhere'")
    assert "fix: environments here:" in said.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frobnicate", "--json"], "No such command"),
        (["up", "--frobnicate", "--json"], "No such option"),
        (["local", "--json"], "No such option"),
        (["up", "one", "two", "--json"], "unexpected extra argument"),
    ],
)
def test_a_wrong_command_line_is_wrong_usage(project: Project, arguments: list[str], message: str) -> None:
    said = project.stile(*arguments)
    assert said.code == 2, said.stderr
    assert message.lower() in error(said.stdout)["message"].lower()


def test_every_problem_of_a_configuration_is_told_at_once(project: Project) -> None:
    """With its path, its value, what is allowed and the fix; nothing is started for it."""
    path = project.folder / "stacks" / "Pulumi.local-wrong.yaml"
    path.write_text("config:\n  stile:cloud: aws\n  stile:platform: {name: X, owner: me, tracking: {mode: free}}\n")
    for arguments in (["up"], ["preview"], ["preview", "--offline"]):
        said = project.stile(*arguments, "local-wrong", "--json")
        assert said.code == 2, said.stderr
        found = error(said.stdout)
        assert found["kind"] == "config"
        paths = {problem["path"] for problem in found["problems"]}
        assert {"stile:platform.name", "stile:platform.tracking.mode"} <= paths
        assert all(problem["allowed"] and problem["fix"] for problem in found["problems"])
    assert not (project.folder / ".stile" / "local").exists()


@pytest.mark.parametrize("text", ["config: [", "config: {}", "just text", "config:\n  stile:cloud: mars\n"])
def test_a_file_that_names_no_cloud_is_a_configuration_error(project: Project, text: str) -> None:
    (project.folder / "stacks" / "Pulumi.local-broken.yaml").write_text(text)
    said = project.stile("status", "local-broken", "--json")
    assert said.code == 2, said.stderr
    assert error(said.stdout)["kind"] == "config"


def test_status_of_what_was_never_deployed_says_so_and_starts_nothing(project: Project) -> None:
    said = project.stile("status", "local-aws", "--json")
    assert said.code == 0, said.stderr
    assert said.json() == {
        "schema": "stile.status/1",
        "environment": "local-aws",
        "exists": False,
        "local_cloud": None,
    }
    assert "nothing was deployed yet" in said.stderr


def test_local_status_and_stop_of_what_does_not_run(project: Project) -> None:
    assert project.must("local", "status", "--json").json() == {
        "schema": "stile.local/1",
        "cloud": "aws",
        "running": False,
    }
    assert project.must("local", "stop", "--json").json()["stopped"] is False
    said = project.stile("local", "logs")
    assert (said.code, said.stdout) == (1, "")
    assert "stile local start" in said.stderr


def test_a_local_cloud_that_is_not_there_is_told(project: Project) -> None:
    said = project.stile("local", "start", "mars", "--json")
    assert said.code == 1
    assert error(said.stdout)["kind"] == "local-cloud"


def test_doctor_says_what_is_there(project: Project) -> None:
    said = project.stile("doctor", "--json")
    found = said.json()
    assert found["schema"] == "stile.doctor/1"
    assert said.code == (0 if found["ready"] else 1)
    assert {check["status"] for check in found["checks"]} <= {"ok", "warning", "missing"}
    assert {"Python", "uv", "crane"} <= {check["name"] for check in found["checks"]}


def test_doctor_tells_what_is_missing_and_how_to_mend_it(project: Project, tmp_path: Path) -> None:
    """An empty cache and nothing on PATH: exit code 1, with a fix for each."""
    bare = {**project.variables, "STILE_CACHE_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    said = project.run(sys.executable, "-m", "infra.cli", "doctor", "--json", variables=bare)
    missing = {check["name"]: check["fix"] for check in said.json()["checks"] if check["status"] == "missing"}
    assert said.code == 1
    assert {"uv", "crane", "Pulumi with its language host"} <= missing.keys()
    assert all(missing.values())


def test_where_nobody_can_be_asked_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be taken back needs an answer, or --yes."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(UsageError) as raised:
        console.confirm("Delete?", yes=False)
    assert raised.value.fix == "add --yes"
    console.confirm("Delete?", yes=True)


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(name: str | None) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "build", interrupt)
    assert main.run(["up", "--json"]) == 130
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "stopped\n")


def test_help_imports_no_command() -> None:
    """`stile --help` answers at once: the engine, the clouds' SDKs and the commands stay on disk."""
    script = (
        "import sys; from infra.cli.main import run; run(['--help']);"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'pulumi', 'boto3', 'grpc', 'pandas', 'pydantic'}),"
        " [m for m in sys.modules if m.startswith('infra.cli.') and m not in ('infra.cli.main', 'infra.cli.console')],"
        " file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stderr == "[] []\n"


@pytest.mark.parametrize("command", main.COMMANDS, ids=lambda command: command.name)
def test_every_command_is_there_and_has_help(command: main.Command) -> None:
    assert command.exists()
    module = importlib.import_module(command.dotted)
    assert hasattr(module, "command") or hasattr(module, "app")
