"""Runs inline programs under the real Pulumi CLI, with a PULUMI_HOME and a state of the test's own."""

import os
from collections.abc import Callable
from pathlib import Path

import platformdirs
import pytest
from pulumi import automation

from tests import own_process

Program = Callable[[], None]
VERSION = "v3.259.0"


def toolchain() -> Path:
    """The folder of the toolchain's programs, as the launcher lays it out."""
    cache = os.environ.get("STILE_CACHE_DIR") or platformdirs.user_cache_path("stile")
    return Path(cache, "toolchain", VERSION, "bin")


class Engine:
    """One PULUMI_HOME and file backend; gives stacks whose program can be exchanged."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.home = folder / "home"
        self._work = folder / "work"
        self.state = folder / "state"
        for path in (self.home, self._work, self.state):
            path.mkdir(parents=True, exist_ok=True)
        self._environment = {
            "PULUMI_BACKEND_URL": self.state.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_IGNORE_AMBIENT_PLUGINS": "1",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            **environment,
        }

    @property
    def pulumi(self) -> Path:
        return toolchain() / "pulumi"

    def stack(self, name: str, program: Program) -> automation.Stack:
        """The local stack of that name, made at the first call, with this program; the stand-in takes no other."""
        return self.stack_named(f"local-{name}", program)

    def stack_named(self, name: str, program: Program) -> automation.Stack:
        """The stack of exactly that name, made at the first call, with this program."""
        options = automation.LocalWorkspaceOptions(
            work_dir=str(self._work),
            pulumi_home=str(self.home),
            env_vars=self._environment,
            pulumi_command=automation.PulumiCommand(str(toolchain().parent)),
        )
        return automation.create_or_select_stack(name, project_name="kit", program=program, opts=options)


def failure(engine: Engine, name: str, program: Program) -> str:
    """What the CLI says about an update that must fail."""
    said = attempt(engine, name, program)
    if not said:
        pytest.fail("the update succeeded")
    return said


def attempt(engine: Engine, name: str, program: Program) -> str:
    """What the CLI says about an update that may fail; empty if it succeeds.

    It runs in a process of its own: the SDK leaves a thread and an open event loop when an inline program fails.
    """
    return own_process.call(_attempt, engine, name, program, method="spawn")


def _attempt(engine: Engine, name: str, program: Program) -> str:
    try:
        engine.stack(name, program).up()
    except automation.errors.CommandError as error:
        return str(error)
    return ""
