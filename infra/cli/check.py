"""`stile test`: lint, types and tests of the project, as CI runs them."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from infra import toolchain
from infra.cli import console
from infra.environments import ROOT

# What stands after the options goes to pytest as it is.
CONTEXT_SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True}
PYTHON = [sys.executable, "-m"]
# The code inside LocalStack is checked against the packages that it runs with.
LOCALSTACK = ROOT / "infra" / "localcloud" / "aws"
LOCALSTACK_TYPES = (
    *("--python-executable", str(LOCALSTACK / ".venv" / "bin" / "python")),
    *("--config-file", str(LOCALSTACK / "pyproject.toml"), "--package", "infra.localcloud.aws"),
)
CHECKS = (
    ("lint", [*PYTHON, "ruff", "check", "--quiet"]),
    ("format", [*PYTHON, "ruff", "format", "--check", "--quiet"]),
    ("types", [*PYTHON, "mypy"]),
    ("types of the local AWS cloud", [*PYTHON, "mypy", *LOCALSTACK_TYPES]),
)
QUICK = "not slow and not e2e"
# Most of a test's time is waiting, so two for each core; each has a local cloud of its own, so no more than a few.
COUNT = min(4, 2 * (os.cpu_count() or 1))
WORKERS = (f"--numprocesses={COUNT}", "--dist=loadfile", "--no-loadscope-reorder")


def command(
    context: typer.Context,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out what takes more than a few seconds, end to end included.")
    ] = False,
) -> None:
    """Check and test the project: lint, types, then pytest, end to end included. Further arguments go to pytest.

    pytest runs in any case, so that its line is the last; the exit code is 1 if anything failed.
    """
    failed = [name for name, program in CHECKS if not passes(name, program)]
    if not quick:
        with console.Reporter() as reporter:
            toolchain.ensure(reporter.progress)
    code = pytest(context.args, quick=quick)
    raise typer.Exit(1 if failed and code == 0 else code)


def passes(name: str, program: Sequence[str]) -> bool:
    """Run one check and show what it found."""
    code = subprocess.run(program, cwd=ROOT, check=False, env=environment()).returncode
    if code:
        console.say(f"{name}: failed (exit code {code})")
    return code == 0


def pytest(arguments: Sequence[str], *, quick: bool) -> int:
    """Run pytest with the given arguments."""
    chosen = ["-m", QUICK] if quick else []
    program = [*PYTHON, "pytest", *WORKERS, *chosen, *arguments]
    return subprocess.run(program, cwd=ROOT, check=False, env=environment()).returncode


def environment() -> dict[str, str]:
    """Return the environment of the checks: nothing of an environment that the shell was set to, nor of an account."""
    dropped = ("AWS_", "PULUMI_", "STILE_ENVIRONMENT", "STILE_STATE_DIR", "PYTHONDONTWRITEBYTECODE")
    found = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**found, "PATH": os.pathsep.join([str(Path(sys.executable).parent), found.get("PATH", os.defpath)])}
