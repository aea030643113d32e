"""A copy of the project in a folder of its own, with a state of its own, and the commands run in it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = "local-aws"


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str

    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout."""
        document: dict[str, Any] = json.loads(self.stdout)
        return document


@dataclass(frozen=True)
class Project:
    """A copy of the tracked files at `folder`; its commands use its own state directory."""

    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        """The environment in which its commands run: this copy's code, this copy's state."""
        return {
            **os.environ,
            "STILE_STATE_DIR": str(self.folder / ".stile"),
            "STILE_PROJECT_ROOT": str(self.folder),
            "PYTHONPATH": str(self.folder),
        }

    def run(self, *arguments: str, variables: Mapping[str, str] | None = None) -> Finished:
        """Run a program in the copy's folder and wait for it."""
        done = subprocess.run(
            arguments,
            cwd=self.folder,
            env=dict(variables or self.variables),
            capture_output=True,
            text=True,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def stile(self, *arguments: str) -> Finished:
        """Run a `stile` command, as the launcher would after set-up."""
        return self.run(sys.executable, "-m", "infra.cli", *arguments)

    def must(self, *arguments: str) -> Finished:
        """Run a `stile` command that has to end with 0."""
        done = self.stile(*arguments)
        assert done.code == 0, f"stile {' '.join(arguments)} ended with {done.code}\n{done.stdout}\n{done.stderr}"
        return done

    def shell(self, script: str, environment: str = ENVIRONMENT) -> Finished:
        """Run bash lines in the environment that `stile env` prints."""
        exports = self.must("env", environment).stdout
        return self.run("bash", "-euo", "pipefail", "-c", f"{exports}\n{script}")

    def outputs(self, environment: str = ENVIRONMENT) -> dict[str, Any]:
        """The stack's outputs, by plain pulumi."""
        done = self.shell(f"pulumi stack output --json -s {environment}", environment)
        assert done.code == 0, done.stderr
        return done.json()

    def exported(self, environment: str = ENVIRONMENT) -> dict[str, str]:
        """The variables that `stile env` exports, as a program would see them."""
        done = self.shell("env -0", environment)
        assert done.code == 0, done.stderr
        return dict(line.split("=", 1) for line in done.stdout.split("\0") if "=" in line)


def copy(folder: Path) -> Project:
    """Copy what git tracks or would track, as a fresh clone plus uncommitted work."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    for name in filter(None, names):
        source, target = ROOT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    # The environments belong to the machine, not to the copy.
    for environment in (".venv", "infra/localcloud/aws/.venv"):
        (folder / environment).symlink_to(ROOT / environment)
    return Project(folder)
