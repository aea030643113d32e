"""`stile up`: make an environment what its configuration says."""

from typing import Any

from infra import engine, failures, program
from infra.cli import console
from infra.cli.options import DEFAULT_ENVIRONMENT, EnvironmentName, Json, Yes
from infra.engine import Outcome
from infra.environments import find_environment, read_config


def command(environment: EnvironmentName = DEFAULT_ENVIRONMENT, json: Json = False, yes: Yes = False) -> None:
    """Make an environment what its configuration says.

    A local environment's cloud is started first. A real environment is previewed, and you are asked.
    """
    found = find_environment(environment)
    program.load_ahead(program.read(found.name, read_config(found.config_path)))
    with console.Reporter() as reporter:
        session = engine.open_session(found, reporter.progress)
        planned = None if found.is_local or yes else engine.preview(session, reporter.watch)
    if planned is not None:
        console.say(f"planned: {console.summary(planned.changes)}")
        console.confirm(f"Change {found.name}, a real environment?", yes=yes)
    with console.Reporter() as reporter:
        outcome = failures.provision(session, reporter.watch)
    console.say(f"{found.name}: {console.summary(outcome.changes)}; {outcome.seconds:.1f} s")
    if json:
        console.emit("up", {"environment": found.name, **described(outcome), "outputs": outcome.outputs})


def described(outcome: Outcome) -> dict[str, Any]:
    """Return what an operation did, as scripts read it."""
    return {
        "changes": dict(outcome.changes),
        "created": outcome.created,
        "changed": outcome.changed,
        "steps": [
            {"op": step.op, "urn": step.urn, "state": step.state, "seconds": step.seconds} for step in outcome.steps
        ],
        "seconds": round(outcome.seconds, 3),
    }
