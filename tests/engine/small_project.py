"""Small projects to drive the engine with; here one of a few notes, whose cloud is tests/providers/kit/notes.py."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra import toolchain
from infra.engine import Message, Session, Step
from infra.engine.session import open_stack
from infra.environments import Environment
from infra.errors import ToolchainError
from infra.localcloud.lifecycle import LocalCloud
from infra.toolchain import Toolchain

NAME = "local-notes"
ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import pulumi

notes = pulumi.Config("notes").require_object("notes")
for name, note in notes.items():
    keep = pulumi.ResourceOptions(protect=note.pop("protect", False), retain_on_delete=note.pop("retain", False))
    group = pulumi.ComponentResource("notes:index:Shelf", name)
    version = pulumi.ResourceOptions(version="1.0.0", parent=group)
    made = pulumi.CustomResource(
        "notes:index:Note", name, {"size": None, "title": name, **note}, pulumi.ResourceOptions.merge(keep, version)
    )
    pulumi.export(name, made.size)
"""


@dataclass
class SmallProject:
    """The project at `root`; `notes` is the folder that plays the cloud."""

    root: Path
    notes: Path

    @property
    def environment(self) -> Environment:
        return Environment(NAME, "aws", self.root, self.root / ".stile")

    def declare(self, **notes: Mapping[str, object]) -> None:
        """Write the configuration: note by note its text, and whether it is to be kept."""
        path = self.environment.config_path
        document = yaml.safe_load(path.read_text()) if path.exists() else {}
        path.write_text(
            yaml.safe_dump(
                {
                    **document,
                    "config": {"stile:cloud": "aws", "notes:notes": {name: dict(note) for name, note in notes.items()}},
                }
            )
        )

    def session(self, boot_id: str | None = None) -> Session:
        """Open the project; with a boot, as if a local cloud of that boot ran."""
        self.environment.backend_dir.mkdir(parents=True, exist_ok=True)
        (self.environment.state_dir / "local").mkdir(exist_ok=True)
        return session_of(self.environment, None if boot_id is None else self.cloud(boot_id))

    def start(self, operation: str, boot_id: str = "") -> "subprocess.Popen[str]":
        """Start an operation in a process of its own."""
        command = [sys.executable, "-m", "tests.engine.drive", operation, str(self.root), str(self.notes), boot_id]
        return subprocess.Popen(
            command, cwd=ROOT, env=self.variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, operation: str, boot_id: str = "") -> dict[str, Any]:
        """Run an operation to its end; returns what drive.py says."""
        return finish(self.start(operation, boot_id))

    @property
    def control(self) -> Path:
        """Where slow_notes.py says that a create has begun, and is told to go on."""
        return self.root / "control"

    @property
    def variables(self) -> dict[str, str]:
        """What every process of the project sees."""
        return {**os.environ, "NOTES_DIR": str(self.notes), "NOTES_CONTROL": str(self.control)}

    def cloud(self, boot_id: str) -> LocalCloud:
        url = "http://127.0.0.1:9"
        return LocalCloud("aws", 1, boot_id, url, url, self.environment.state_dir, self.root / "cloud.log")

    def titles(self) -> set[str]:
        """The notes that exist."""
        return {path.name for path in self.notes.iterdir()}


def make(root: Path, notes: Path) -> SmallProject:
    """Write the project's files."""
    notes.mkdir()
    write_project(root, PROGRAM, "notes", module("tests.engine.slow_notes"))
    (root / "control").mkdir()
    return SmallProject(root, notes)


def write_project(root: Path, program: str, package: str, command: Sequence[str]) -> None:
    """Write a project named small: its program, and the plugin of a package, which the command starts."""
    for folder in ("infra", "stacks", "plugin"):
        (root / folder).mkdir(parents=True)
    settings = {
        "name": "small",
        "runtime": "python",
        "main": "infra",
        "stackConfigDir": "stacks",
        "plugins": {"providers": [{"name": package, "path": "./plugin"}]},
    }
    (root / "Pulumi.yaml").write_text(yaml.safe_dump(settings))
    (root / "infra" / "__main__.py").write_text(program)
    plugin = root / "plugin" / f"pulumi-resource-{package}"
    plugin.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    plugin.chmod(0o755)


def module(name: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of this repository from anywhere."""
    return ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", name, *arguments]


def installed() -> Toolchain:
    """Return the toolchain. Raises ToolchainError where it is not installed."""
    found = toolchain.find().toolchain()
    if found is None:
        raise ToolchainError("the toolchain is not installed")
    return found


def session_of(environment: Environment, cloud: LocalCloud | None) -> Session:
    """Open a project's environment with the toolchain that is installed."""
    found = installed()
    return Session(environment, found, cloud, open_stack(environment, found, cloud))


def finish(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """Wait for an operation that was started; returns what drive.py says."""
    said, errors = process.communicate()
    assert said, errors
    found: dict[str, Any] = json.loads(said)
    return found


def await_true(holds: Callable[[], bool], what: str, limit_seconds: float = 60) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + limit_seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {limit_seconds:.0f} s: {what}"
        time.sleep(0.02)


class Watched:
    """Keeps what the engine told."""

    def __init__(self) -> None:
        self.seen: list[Step | Message] = []

    def __call__(self, seen: Step | Message) -> None:
        self.seen.append(seen)

    @property
    def steps(self) -> list[tuple[str, str, str]]:
        return [(one.op, one.name, one.state) for one in self.seen if isinstance(one, Step)]

    @property
    def messages(self) -> list[str]:
        return [one.text for one in self.seen if isinstance(one, Message)]
