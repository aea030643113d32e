"""A clone of the project to measure in: its own folder, state and local cloud, all gone afterwards."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import recorded
from tests.e2e.project import ENVIRONMENT, Project, copy

PACKAGES = ("benchmarks", "components", "infra", "ml_jobs")


def must(command: Sequence[str], folder: Path, variables: dict[str, str]) -> str:
    """Run a program; return its output. Raises RuntimeError with what it said if it fails."""
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout


@dataclass(frozen=True)
class Clone:
    """A copy of the project; plugins that note when the cloud is at work do so in `record`."""

    project: Project

    @property
    def record(self) -> Path:
        """The plugins' notes."""
        return self.project.folder / "record"

    @property
    def state(self) -> Path:
        """The stack's state."""
        return self.project.folder / ".stile" / "state"

    def run(self, *arguments: str) -> str:
        """Run a command; return its output. Raises RuntimeError."""
        variables = {**self.project.variables, recorded.VARIABLE: str(self.record)}
        return must([sys.executable, "-m", "infra.cli", *arguments], self.project.folder, variables)

    def begin_anew(self) -> None:
        """Leave nothing in cloud and state; programs and plugins stay installed."""
        self.run("local", "stop")
        shutil.rmtree(self.state, ignore_errors=True)
        (self.state.parent / "local" / f"{ENVIRONMENT}.boot").unlink(missing_ok=True)
        self.run("local", "start")

    def resources(self) -> list[Any]:
        """Return what is in the state."""
        (file,) = (self.state / ".pulumi" / "stacks").glob(f"*/{ENVIRONMENT}.json")
        found: list[Any] = json.loads(file.read_text())["checkpoint"]["latest"]["resources"]
        return found


@contextmanager
def clone(starts: Mapping[str, str] | None = None) -> Iterator[Clone]:
    """Make a clone for as long as the caller works in it.

    Args:
        starts: files of the clone, relative to its root, that are to have another content.
    """
    with tempfile.TemporaryDirectory(prefix="stile-benchmark-") as name:
        project = copy(Path(name) / "clone")
        for file, content in (starts or {}).items():
            (project.folder / file).write_text(content)
        # As in a clone that was used before: the first start of all would compile.
        folders = [str(project.folder / package) for package in PACKAGES]
        skipped = ["-x", r"[\\/]\.venv[\\/]"]
        subprocess.run([sys.executable, "-m", "compileall", "-q", *skipped, *folders], check=True, capture_output=True)
        made = Clone(project)
        try:
            yield made
        finally:
            made.run("local", "stop")
