"""Opens an environment for the engine: programs, stand-in plugin, local cloud and stack, all there when it returns."""

import os
import runpy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi import automation

from infra import guards, toolchain
from infra.engine.cli import Cli
from infra.engine.events import last_words
from infra.engine.stack import CREATE_OR_SELECT, SELECT, Stack
from infra.environments import Environment, local_variables, variables
from infra.errors import ProvisioningError, ToolchainError
from infra.localcloud import lifecycle
from infra.localcloud.lifecycle import LocalCloud
from infra.toolchain import Toolchain

PROGRAM = Path("infra") / "__main__.py"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Session:
    """An environment with everything that an operation on it needs.

    Attributes:
        environment: which one.
        toolchain: the programs.
        cloud: the running local cloud; None for a real environment.
        stack: the Automation API's stack.
    """

    environment: Environment
    toolchain: Toolchain
    cloud: LocalCloud | None
    stack: Stack

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs; those that are secret are not in it."""
        return shown(self.stack.outputs())

    def program(self) -> None:
        """Run the project's program, the one that plain `pulumi` runs.

        It runs in this process: a language host that starts it elsewhere takes three seconds more, for the same graph.
        """
        runpy.run_path(str(self.environment.root / PROGRAM), run_name="__main__")

    def variables(self, outputs: Mapping[str, Any] | None = None) -> dict[str, str]:
        """Return what a process of this environment sees, its parent's variables included."""
        return {**os.environ, **variables(self.environment, self.toolchain, self.cloud, outputs)}

    def own_variables(self) -> dict[str, str]:
        """Return what a process of this environment sees beside its parent's variables."""
        return variables(self.environment, self.toolchain, self.cloud)

    def pulumi(self, *arguments: str) -> automation.CommandResult:
        """Run a command of the CLI that the Automation API lacks.

        Raises:
            ProvisioningError: it failed; carries the CLI's own words.
        """
        workspace = self.stack.workspace
        try:
            return workspace.pulumi_command.run(list(arguments), workspace.work_dir, workspace.env_vars)
        except automation.CommandError as error:
            words = last_words(str(error))
            raise ProvisioningError(f"pulumi {' '.join(arguments[:2])} failed: {words}") from error


def shown(outputs: Mapping[str, automation.OutputValue]) -> dict[str, Any]:
    """Return outputs as plain values, without those that are secret."""
    return {name: output.value for name, output in outputs.items() if not output.secret}


def open_session(environment: Environment, progress: Progress) -> Session:
    """Make an environment ready for an operation; starts its local cloud, creates its stack.

    Raises:
        ToolchainError: a program is missing and cannot be had.
        LocalCloudError: the local cloud does not start.
        WrongCloud: a real environment would meet a local cloud, or a stand-in.
        ProvisioningError: the stack can be neither selected nor created.
    """
    guards.require_own_cloud(environment, os.environ)
    programs = toolchain.ensure(progress)
    cloud = start_local_cloud(environment, programs, progress) if environment.is_local else None
    enter(environment, cloud)
    if environment.pulumi_home is not None:
        from infra.providers.install import install_stand_in

        install_stand_in(programs.pulumi, environment.pulumi_home, environment.cloud)
        environment.backend_dir.mkdir(parents=True, exist_ok=True)
    return Session(environment, programs, cloud, open_stack(environment, programs, cloud))


def session_as_it_stands(environment: Environment) -> Session | None:
    """Open an environment without starting, installing or creating anything; None if it was never deployed.

    Raises:
        ToolchainError: the toolchain is not installed.
        WrongCloud: a real environment would meet a local cloud, or a stand-in.
        ProvisioningError: the stack cannot be opened.
    """
    guards.require_own_cloud(environment, os.environ)
    programs = toolchain.find().toolchain()
    if programs is None:
        raise ToolchainError("the toolchain is not installed", fix="any of up, preview and env installs it")
    cloud = lifecycle.running(environment.cloud, environment.state_dir) if environment.is_local else None
    enter(environment, cloud)
    stack = existing_stack(environment, programs, cloud)
    return None if stack is None else Session(environment, programs, cloud, stack)


def enter(environment: Environment, cloud: LocalCloud | None) -> None:
    """Make this process one of a local environment: what it does and starts sees the local cloud's account only.

    The program runs in this process, so it sees what it would see under plain `pulumi`.
    """
    if not environment.is_local:
        return
    for name in guards.foreign(os.environ):
        del os.environ[name]
    kept = (*guards.ACCOUNT, "NO_PROXY", "no_proxy")
    own = local_variables(environment, cloud)
    os.environ.update({name: value for name, value in own.items() if name.startswith(kept)})


def start_local_cloud(environment: Environment, programs: Toolchain, progress: Progress) -> LocalCloud:
    """Start the environment's local cloud, or return the running one."""
    os.environ["STILE_CRANE"] = str(programs.crane)  # it serves the local registry
    return lifecycle.start(environment.cloud, environment.state_dir, progress)


def workspace(environment: Environment, programs: Toolchain, cloud: LocalCloud | None) -> automation.LocalWorkspace:
    """Return how the Automation API is to run the CLI.

    No project settings are passed: given them, the Automation API rewrites Pulumi.yaml.
    """
    return automation.LocalWorkspace(
        work_dir=str(environment.root),
        pulumi_home=None if environment.pulumi_home is None else str(environment.pulumi_home),
        env_vars=variables(environment, programs, cloud),
        pulumi_command=Cli(programs),
    )


def open_stack(environment: Environment, programs: Toolchain, cloud: LocalCloud | None) -> Stack:
    """Select the environment's stack; the first time, create it. Raises ProvisioningError."""
    try:
        return Stack(environment.name, workspace(environment, programs, cloud), CREATE_OR_SELECT)
    except automation.CommandError as error:
        raise cannot_open(environment, error) from error


def existing_stack(environment: Environment, programs: Toolchain, cloud: LocalCloud | None) -> Stack | None:
    """Select the environment's stack; None if there is none yet. Raises ProvisioningError."""
    if environment.is_local and not environment.backend_dir.is_dir():
        return None
    try:
        return Stack(environment.name, workspace(environment, programs, cloud), SELECT)
    except automation.StackNotFoundError:
        return None
    except automation.CommandError as error:
        raise cannot_open(environment, error) from error


def cannot_open(environment: Environment, error: automation.CommandError) -> ProvisioningError:
    """Return what to raise when the CLI does not open a stack."""
    return ProvisioningError(
        f"the stack {environment.name} cannot be opened: {last_words(str(error))}",
        path=str(environment.config_path),
        fix=None if environment.is_local else "pulumi login, and credentials for the backend; then again",
    )
