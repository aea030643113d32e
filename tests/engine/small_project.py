"""A project with a program of a few notes (tests/providers/kit/notes.py is their cloud), to drive the engine with."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from infra import toolchain
from infra.engine import Message, Session, Step
from infra.engine.session import open_stack
from infra.environments import Environment
from infra.errors import ToolchainError
from infra.localcloud.lifecycle import LocalCloud

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

    def declare(self, **notes: dict[str, object]) -> None:
        """Write the configuration: note by note its text, and whether it is to be kept."""
        path = self.environment.config_path
        document = yaml.safe_load(path.read_text()) if path.exists() else {}
        path.write_text(yaml.safe_dump({**document, "config": {"stile:cloud": "aws", "notes:notes": notes}}))

    def session(self, boot_id: str | None = None) -> Session:
        """Open the project; with a boot, as if a local cloud of that boot ran."""
        found = toolchain.find().toolchain()
        if found is None:
            raise ToolchainError("the toolchain is not installed")
        self.environment.backend_dir.mkdir(parents=True, exist_ok=True)
        (self.environment.state_dir / "local").mkdir(exist_ok=True)
        cloud = None if boot_id is None else self.cloud(boot_id)
        return Session(self.environment, found, cloud, open_stack(self.environment, found, cloud))

    def cloud(self, boot_id: str) -> LocalCloud:
        url = "http://127.0.0.1:9"
        return LocalCloud("aws", 1, boot_id, url, url, self.environment.state_dir, self.root / "cloud.log")

    def titles(self) -> set[str]:
        """The notes that exist."""
        return {path.name for path in self.notes.iterdir()}


def make(root: Path, notes: Path) -> SmallProject:
    """Write the project's files."""
    notes.mkdir()
    for folder in ("infra", "stacks", "plugin"):
        (root / folder).mkdir(parents=True)
    settings = {
        "name": "small",
        "runtime": "python",
        "main": "infra",
        "stackConfigDir": "stacks",
        "plugins": {"providers": [{"name": "notes", "path": "./plugin"}]},
    }
    (root / "Pulumi.yaml").write_text(yaml.safe_dump(settings))
    (root / "infra" / "__main__.py").write_text(PROGRAM)
    plugin = root / "plugin" / "pulumi-resource-notes"
    module = ROOT / "tests" / "providers" / "kit" / "notes.py"
    plugin.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, str(module)])} "$@"\n')
    plugin.chmod(0o755)
    return SmallProject(root, notes)


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
