"""`stile env`: the variables with which plain `pulumi`, and any AWS client, work on an environment."""

import os
import shlex

from infra import engine
from infra.cli import console
from infra.cli.options import DEFAULT_ENVIRONMENT, EnvironmentName, Json
from infra.engine import recovery
from infra.environments import find_environment, variables


def command(environment: EnvironmentName = DEFAULT_ENVIRONMENT, json: Json = False) -> None:
    """Print exports for a shell: eval "$(./stile env local-aws)". Starts a local environment's cloud."""
    found = find_environment(environment)
    with console.Reporter() as reporter:
        session = engine.open_session(found, reporter.progress)
        if found.is_local:
            recovery.catch_up(session, reporter.watch, engine.refresh)
        exported = variables(found, session.toolchain, session.cloud, session.outputs())
    if json:
        console.emit("env", {"environment": found.name, "variables": exported})
        return
    os.write(1, "".join(f"export {name}={shlex.quote(value)}\n" for name, value in exported.items()).encode())
