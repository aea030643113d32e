"""`stile refresh`: compare the state with the cloud."""

from typing import Annotated

import typer

from infra import engine
from infra.cli import console
from infra.cli.options import DEFAULT_ENVIRONMENT, EnvironmentName, Json
from infra.cli.up import described
from infra.engine import Outcome
from infra.environments import find_environment

DRIFT = 3


def command(
    environment: EnvironmentName = DEFAULT_ENVIRONMENT,
    check: Annotated[
        bool, typer.Option("--check", help="Only compare: exit code 3 if the cloud is not what the state says.")
    ] = False,
    json: Json = False,
) -> None:
    """Compare the state with the cloud, and make the state true."""
    found = find_environment(environment)
    with console.Reporter() as reporter:
        session = engine.open_session(found, reporter.progress)
        outcome = engine.refresh(session, reporter.watch, preview_only=check)
    drifted = drift(outcome)
    console.say(f"{found.name}: {len(drifted)} of {sum(outcome.changes.values())} resources differ from the cloud")
    if json:
        console.emit("refresh", {"environment": found.name, "drifted": drifted, **described(outcome)})
    if check and drifted:
        raise typer.Exit(DRIFT)


def drift(outcome: Outcome) -> list[str]:
    """Return the URNs of the resources that the cloud has otherwise, or not at all."""
    return [step.urn for step in outcome.steps if step.op in ("update", "delete", "create")]
