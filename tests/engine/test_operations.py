"""The engine on a small project under the real CLI: what it does, what it keeps, how it fails and how it goes on."""

import json
import os
import signal
import subprocess

import psutil
import pytest

from infra import engine
from infra.engine import pending
from infra.engine.lookups_aws import AwsLookups
from infra.environments import variables
from tests.engine.small_project import NAME, SmallProject, Watched, await_true, finish

pytestmark = pytest.mark.slow

KEPT = {"text": "data", "protect": True}
PLAIN = {"text": "hello"}


def plain_pulumi(project: SmallProject, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the CLI as a person would, in the shell that `stile env` makes."""
    session = project.session()
    shell = {**project.variables, **variables(session.environment, session.toolchain)}
    command = ["pulumi", *arguments, "--non-interactive", "-s", NAME]
    return subprocess.run(command, cwd=project.root, env=shell, capture_output=True, text=True, check=False)


def test_up_then_up_changes_nothing_and_so_says_plain_pulumi(project: SmallProject) -> None:
    """The program runs in our process for `stile up` and under the language host for `pulumi up`: same graph."""
    project.declare(first=PLAIN, second=KEPT)
    watched = Watched()
    session = project.session()
    made = engine.up(session, watched)
    assert made.created == 5  # the stack, two shelves, two notes
    assert made.outputs == {"first": 5, "second": 4}
    assert ("create", "first", "done") in watched.steps
    again = engine.up(session, watched)
    assert again.changed == 0
    assert again.steps == ()
    plain = plain_pulumi(project, "preview", "--json")
    assert plain.returncode == 0, plain.stderr
    assert json.loads(plain.stdout)["changeSummary"] == {"same": again.changes["same"]}


def test_preview_changes_nothing(project: SmallProject) -> None:
    project.declare(first=PLAIN)
    session = project.session()
    planned = engine.preview(session, Watched())
    assert planned.created > 0
    assert project.titles() == set()
    assert engine.up(session, Watched()).changes == planned.changes


def test_destroy_keeps_what_is_protected_and_the_next_up_goes_on_with_it(project: SmallProject) -> None:
    """Data and registered models outlive `destroy`, in the cloud and in the state."""
    project.declare(first=PLAIN, data=KEPT)
    session = project.session()
    engine.up(session, Watched())
    engine.destroy(session, Watched())
    assert project.titles() == {"data"}
    assert [kept["urn"].rpartition("::")[2] for kept in engine.protected(session)] == ["data"]
    again = Watched()
    engine.up(session, again)
    assert project.titles() == {"data", "first"}
    assert {name for op, name, state in again.steps if (op, state) == ("create", "done")} == {"first"}


def test_destroy_with_data_leaves_nothing(project: SmallProject) -> None:
    """Neither what is protected nor what is retained on deletion stays."""
    project.declare(first=PLAIN, data=KEPT, old={"text": "version", "retain": True})
    session = project.session()
    engine.up(session, Watched())
    engine.destroy(session, Watched(), with_data=True)
    assert project.titles() == set()
    assert (session.stack.export_stack().deployment or {}).get("resources", []) == []


def test_every_failure_is_told_with_its_resource(project: SmallProject) -> None:
    """The provider's own message, and the URN to look for."""
    project.declare(bad={"text": "refuse"}, worse={"text": "refuse"})
    said = project.run("up")
    assert "notes:index:Note bad: this text is refused" in said["error"]
    assert "notes:index:Note worse: this text is refused" in said["error"]
    assert said["path"].startswith(f"urn:pulumi:{NAME}::small::notes:index:Shelf$notes:index:Note::")


def test_refresh_tells_what_the_cloud_lost(project: SmallProject) -> None:
    project.declare(first=PLAIN)
    session = project.session()
    engine.up(session, Watched())
    (project.notes / "first").unlink()
    found = engine.refresh(session, Watched(), preview_only=True)
    assert [(step.op, step.name) for step in found.steps] == [("delete", "first")]
    assert engine.refresh(session, Watched()).changes["delete"] == 1
    assert engine.up(session, Watched()).created == 1


def test_a_new_boot_of_the_local_cloud_is_noticed_and_all_is_built_anew(project: SmallProject) -> None:
    """A local cloud keeps nothing over a stop: the state must not be believed."""
    project.declare(first=PLAIN, data=KEPT)
    engine.up(project.session("boot-1"), Watched())
    for title in project.titles():
        (project.notes / title).unlink()
    watched = Watched()
    assert engine.up(project.session("boot-2"), watched).created == 2
    assert any("started anew" in text for text in watched.messages)
    assert project.titles() == {"first", "data"}
    quiet = Watched()
    assert engine.up(project.session("boot-2"), quiet).changed == 0
    assert quiet.messages == []


def test_after_kill_the_lock_is_released_and_the_update_goes_on(project: SmallProject) -> None:
    """kill -9 leaves a lock, and a create of which nobody knows what came."""
    project.declare(first={"text": "wait"}, second=PLAIN)
    cut = project.start("up")
    await_true((project.control / "begun").exists, "the create has begun")
    for process in [*psutil.Process(cut.pid).children(recursive=True), psutil.Process(cut.pid)]:
        process.kill()
    cut.communicate()
    (project.control / "go").touch()
    said = project.run("up")
    assert "error" not in said, said
    assert any("died with the stack's lock" in text for text in said["messages"])
    assert any("was cut off" in text and "first" in text for text in said["messages"])
    assert project.titles() == {"first", "second"}
    assert project.run("up")["changes"] == {"same": 5}


def test_what_the_cloud_did_finish_is_adopted(project: SmallProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """A create that was cut off may have happened: made again, it would be there twice, or be refused."""
    project.declare(first={"text": "wait"}, second={"text": "wait"})
    cut = project.start("up")
    await_true((project.control / "begun").exists, "a create has begun")
    for process in [*psutil.Process(cut.pid).children(recursive=True), psutil.Process(cut.pid)]:
        process.kill()
    cut.communicate()
    (project.control / "go").touch()
    (project.notes / "first").write_text(json.dumps({"title": "first", "text": "wait"}))
    monkeypatch.setattr(pending, "CLOUD_PREFIXES", ("notes:",))
    monkeypatch.setattr(
        AwsLookups,
        "find",
        lambda self, token, inputs, taken: inputs["title"] if inputs["title"] in project.titles() else None,
    )
    watched = Watched()
    engine.up(project.session(), watched)
    made = {name for op, name, state in watched.steps if (op, state) == ("create", "done")}
    assert "second" in made
    assert "first" not in made
    assert project.titles() == {"first", "second"}


def test_a_lock_of_a_living_process_is_respected(project: SmallProject) -> None:
    project.declare(first={"text": "wait"})
    busy = project.start("up")
    await_true((project.control / "begun").exists, "the create has begun")
    said = project.run("up")
    assert "another process works on" in said["error"]
    assert "pulumi cancel" in said["fix"]
    (project.control / "go").touch()
    assert finish(busy)["changes"]["create"] == 3


def test_interrupted_once_the_cli_ends_its_update_and_leaves_no_lock(project: SmallProject) -> None:
    """Ctrl-C is passed on to the CLI, which stands in a session of its own."""
    project.declare(first={"text": "wait"})
    busy = project.start("up")
    await_true((project.control / "begun").exists, "the create has begun")
    os.kill(busy.pid, signal.SIGINT)
    (project.control / "go").touch()
    assert finish(busy).get("interrupted")
    said = project.run("up")
    assert "error" not in said, said
    assert not any("lock" in text for text in said["messages"])


def test_killed_stile_takes_the_cli_with_it_and_the_next_up_goes_on(project: SmallProject) -> None:
    """Nothing goes on behind the user's back, and what was begun is noted: a CLI that only cancels would forget it."""
    project.declare(first={"text": "wait"})
    busy = project.start("up")
    await_true((project.control / "begun").exists, "the create has begun")
    orphans = psutil.Process(busy.pid).children(recursive=True)
    busy.kill()
    busy.communicate()
    gone, alive = psutil.wait_procs(orphans, timeout=60)
    assert gone
    assert alive == []
    (project.control / "go").touch()
    said = project.run("up")
    assert any("was cut off" in text and "first" in text for text in said["messages"]), said
    assert project.titles() == {"first"}
