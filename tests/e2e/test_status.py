"""What `stile status` and `stile logs` say of the demo's platform, and of one whose local cloud was stopped."""

import shutil
from pathlib import Path

import pytest

from tests.e2e.conftest import Demo, both_clouds

pytestmark = [pytest.mark.e2e, pytest.mark.slow, both_clouds]


def test_status_shows_what_is_live_and_that_nothing_is_due(demo: Demo) -> None:
    """Asked of the cloud, not of what was meant to be."""
    said = demo.project.must("status", demo.environment, "--json")
    found = said.json()
    ((name, model),) = found["models"].items()
    promoted = next(one for one in model["versions"] if one["candidate"] == demo.report["decision"]["promoted"])
    assert model["live"]["version"] == model["released"]["version"] == promoted["version"]
    assert model["live"]["sha256"] == promoted["sha256"]
    assert model["last_run"]["status"] == "succeeded"
    rejected = {one["candidate"]: one["reason"] for one in model["versions"] if not one["approved"]}
    assert rejected == {one["candidate"]: one["reason"] for one in demo.report["decision"]["rejected"]}
    assert {stage["status"] for stage in found["stages"].values()} == {"there"}
    assert (found["due"], found["busy"], found["cloud_says"]) == ([], None, None)
    for shown in (name, f"{promoted['version']} live", promoted["candidate"], *rejected.values(), "nothing"):
        assert shown in said.stderr


def test_status_without_the_local_cloud_says_so_and_what_to_do(demo: Demo, tmp_path: Path) -> None:
    """The state is still there and speaks of what is gone; looking starts nothing."""
    for part in ("state", "pulumi-home"):
        shutil.copytree(demo.project.folder / ".stile" / part, tmp_path / part, symlinks=True)
    elsewhere = {**demo.project.variables, "STILE_STATE_DIR": str(tmp_path)}
    command = [str(demo.project.folder / ".venv" / "bin" / "python"), "-m", "infra.cli"]
    said = demo.project.run(*command, "status", demo.environment, "--json", variables=elsewhere)
    assert said.code == 0, said.stderr
    found = said.json()
    assert (found["exists"], found["local_cloud"], found["models"]) == (True, None, {})
    assert {stage["status"] for stage in found["stages"].values()} == {"gone"}
    (due,) = found["due"]
    assert due["command"] == f"./stile up {demo.environment}"
    assert "does not run" in due["why"]
    logs = demo.project.run(*command, "logs", "pipeline", demo.environment, variables=elsewhere)
    assert (logs.code, logs.stdout) == (2, "")
    assert "its logs went with it" in logs.stderr
    assert not list(tmp_path.glob("local/*.json"))


def test_logs_of_a_step_of_a_run_and_of_the_endpoint(demo: Demo) -> None:
    """By the names that a person knows; followed, they end when the job has ended."""
    step = f"train-{demo.report['decision']['promoted']}"
    alone = demo.project.must("logs", step, demo.environment).stdout
    assert "sha256" in alone
    whole = demo.project.must("logs", "pipeline", demo.environment, "--follow").stdout.splitlines()
    steps = {line.partition(" | ")[0] for line in whole}
    assert steps == {one["name"] for one in demo.report["pipeline"]["steps"]}
    assert [line.partition(" | ")[2] for line in whole if line.startswith(f"{step} | ")] == alone.splitlines()
    assert "serving on" in demo.project.must("logs", "endpoint", demo.environment, "--lines", "20").stdout


def test_an_unknown_log_is_wrong_usage_and_names_those_that_there_are(demo: Demo) -> None:
    said = demo.project.stile("logs", "train-nothing", demo.environment)
    assert (said.code, said.stdout) == (2, "")
    for step in demo.report["pipeline"]["steps"]:
        assert step["name"] in said.stderr
