"""`stile env`: the variables with which plain `pulumi`, and the cloud's own clients, work on an environment."""

import os
import shlex
import sys
from collections.abc import Mapping
from typing import Any

from infra import engine, guards
from infra.cli import console
from infra.cli.options import DEFAULT_ENVIRONMENT, EnvironmentName, Json
from infra.clouds import connect
from infra.engine import Session, recovery
from infra.environments import find_environment, variables
from infra.errors import CloudError


def command(environment: EnvironmentName = DEFAULT_ENVIRONMENT, json: Json = False) -> None:
    """Print exports for a shell: eval "$(./stile env local-aws)". Starts a local environment's cloud.

    A local environment's shell loses the variables of your own accounts; open another shell for that.
    """
    found = find_environment(environment)
    mine = guards.foreign(os.environ) if found.is_local else []
    with console.Reporter() as reporter:
        session = engine.open_session(found, reporter.progress)
        if found.is_local:
            recovery.catch_up(session, reporter.watch, engine.refresh)
        outputs = session.outputs()
    exported = {**variables(found, session.toolchain, session.cloud, outputs), **tracking(session, outputs)}
    lost = [name for name in mine if name not in exported]
    if json:
        console.emit("env", {"environment": found.name, "variables": exported, "unset": lost})
        return
    sys.stdout.write("".join(f"unset {name}\n" for name in lost))
    sys.stdout.write("".join(f"export {name}={shlex.quote(value)}\n" for name, value in exported.items()))


def tracking(session: Session, outputs: Mapping[str, Any]) -> dict[str, str]:
    """Return where MLflow's client finds a local server behind the ARN that is its tracking URI."""
    uri = str(outputs.get("tracking_uri") or "")
    if session.cloud is None or not uri.startswith("arn:"):
        return {}
    cloud = connect(session.environment.cloud, variables(session.environment, session.toolchain, session.cloud))
    try:
        return {"SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT": cloud.tracking_url(uri)}
    except CloudError as error:
        console.say(f"the tracking server does not answer ({error.message}); the next `up` brings it back")
        return {}
