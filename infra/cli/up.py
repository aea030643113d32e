"""`stile up`: make an environment what its configuration says."""

from typing import Any

from infra import engine, failures, program
from infra.cli import budget, console
from infra.cli.options import DEFAULT_ENVIRONMENT, EnvironmentName, Json, Yes
from infra.engine import Outcome
from infra.environments import find_environment, read_config


def command(
    environment: EnvironmentName = DEFAULT_ENVIRONMENT,
    over_budget: budget.AnyCost = False,
    strict: budget.Strict = False,
    json: Json = False,
    yes: Yes = False,
) -> None:
    """Make an environment what its configuration says.

    A local environment's cloud is started first. A real environment is previewed, and you are asked.
    Exit code 6: it is estimated to cost more than the configuration's budget; nothing was changed.
    """
    found = find_environment(environment)
    config = read_config(found.config_path)
    spec = program.read(found.name, config)
    program.load_ahead(spec)
    judged = budget.guard(found, spec, config, strict=strict, any_cost=over_budget)
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
        told = {"budget": judged.document() if judged else None, "outputs": outcome.outputs}
        console.emit("up", {"environment": found.name, **described(outcome), **told})


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
