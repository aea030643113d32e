"""The kit under the real engine: what a plugin answers is what ends in the state, secrets and failures included."""

import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pulumi
import pytest
from pulumi import automation

from infra.providers.install import install_plugin
from infra.providers.kit.values import SIGNATURE_KEY
from tests.providers.engine import Engine, Program, failure

pytestmark = pytest.mark.slow
SECRET = "1b47061264138c4ac30d75fd1eb44270"


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


@pytest.fixture
def engine(tmp_path: Path, notes: Path) -> Engine:
    engine = Engine(tmp_path, {"NOTES_DIR": str(notes)})
    plugin = Path(__file__).with_name("notes.py")
    install_plugin(engine.pulumi, engine.home, "notes", "1.0.0", [sys.executable, str(plugin)])
    return engine


def note(*, secret: str | None = None, **inputs: Any) -> None:
    """The program: one note; with `secret` as its text, if given."""
    options = pulumi.ResourceOptions(version="1.0.0")
    if secret:
        inputs["text"] = pulumi.Output.secret(secret)
    pulumi.CustomResource("notes:index:Note", "first", {"size": None, **inputs}, options)


def program(**inputs: Any) -> Program:
    return partial(note, **inputs)


def resources(stack: automation.Stack) -> list[dict[str, Any]]:
    deployment = stack.export_stack().deployment
    assert deployment is not None
    return [row for row in deployment["resources"] if row["type"] == "notes:index:Note"]


def changes(summary: automation.UpdateSummary) -> Mapping[str, int]:
    return {kind: count for kind, count in (summary.resource_changes or {}).items() if kind != "same"}


def test_a_note_lives_through_create_refresh_update_replace_and_delete(engine: Engine, notes: Path) -> None:
    stack = engine.stack("life", program(text="hello"))
    stack.up()
    (made,) = resources(stack)
    assert made["outputs"] == {"text": "hello", "title": made["id"], "size": 5}
    assert made["id"].startswith("first-")
    assert not changes(stack.refresh().summary)
    assert not changes(stack.up().summary)

    stack.workspace.program = program(text="longer text")
    assert changes(stack.up().summary) == {"update": 1}
    (kept,) = resources(stack)
    assert kept["id"] == made["id"]

    stack.workspace.program = program(text="longer text", title="other")
    assert changes(stack.up().summary) == {"replace": 1}
    assert [path.name for path in notes.iterdir()] == ["other"]

    stack.destroy()
    assert list(notes.iterdir()) == []


def test_a_change_made_outside_is_seen_and_a_lost_note_is_made_again(engine: Engine, notes: Path) -> None:
    stack = engine.stack("drift", program(title="mine", text="hello"))
    stack.up()
    (notes / "mine").write_text('{"title": "mine", "text": "tampered"}')
    assert stack.preview_refresh().change_summary.get(automation.OpType.UPDATE) == 1
    (notes / "mine").unlink()
    assert stack.preview_refresh().change_summary.get(automation.OpType.DELETE) == 1


def test_secrets_stay_secret_in_inputs_and_outputs(engine: Engine) -> None:
    stack = engine.stack("secret", program(title="mine", secret="hush"))
    stack.up()
    stack.refresh()
    (made,) = resources(stack)
    assert made["inputs"]["text"] == made["outputs"]["text"] == {SIGNATURE_KEY: SECRET, "plaintext": '"hush"'}


def test_a_half_made_note_is_recorded_and_mended_by_the_next_update(engine: Engine) -> None:
    assert "the note is spoiled" in failure(engine, "half", program(title="mine", text="spoil"))
    stack = engine.stack("half", program(title="mine", text="good"))
    (made,) = resources(stack)
    assert (made["id"], made["initErrors"]) == ("mine", ["the note is spoiled"])
    assert changes(stack.up().summary) == {"update": 1}
    assert "initErrors" not in resources(stack)[0]


def test_a_refused_note_leaves_nothing_and_says_why(engine: Engine) -> None:
    assert "this text is refused" in failure(engine, "refused", program(title="mine", text="refuse"))
    assert resources(engine.stack("refused", program())) == []


def test_an_input_that_nothing_maps_fails_the_check(engine: Engine) -> None:
    assert "unknown input" in failure(engine, "unmapped", program(title="mine", colour="red"))


def test_an_existing_note_is_imported_without_a_difference(engine: Engine, notes: Path) -> None:
    (notes / "there").write_text('{"title": "there", "text": "was here"}')

    def adopt() -> None:
        options = pulumi.ResourceOptions(version="1.0.0", import_="there")
        pulumi.CustomResource("notes:index:Note", "first", {"title": "there", "text": "was here"}, options)

    stack = engine.stack("import", adopt)
    assert changes(stack.up().summary)["import"] == 1


def test_a_plugin_ends_when_the_engine_is_killed(tmp_path: Path) -> None:
    """The engine cannot tell a plugin anything once it is killed; the plugin must see it itself."""
    plugin = Path(__file__).with_name("notes.py")
    starter = """
import subprocess, sys
plugin = subprocess.Popen(sys.argv[1:], process_group=0)
print(plugin.pid, flush=True)
plugin.wait()
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", starter, sys.executable, str(plugin)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout:
        child = psutil.Process(int(parent.stdout.readline()))
        port = int(parent.stdout.readline())
        assert port > 0
    parent.kill()
    parent.wait()
    assert child.wait(timeout=30) is None or not child.is_running()
