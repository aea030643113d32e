"""`stile destroy`: delete an environment; data and registered models stay unless they are named."""

from typing import Annotated

import typer

from infra import engine
from infra.cli import console
from infra.cli.options import DEFAULT_ENVIRONMENT, EnvironmentName, Json, Yes
from infra.cli.up import described
from infra.engine import Session, contents
from infra.environments import find_environment


def command(
    environment: EnvironmentName = DEFAULT_ENVIRONMENT,
    with_data: Annotated[
        bool, typer.Option("--with-data", help="Delete data and registered models too; says what, and asks.")
    ] = False,
    json: Json = False,
    yes: Yes = False,
) -> None:
    """Delete an environment. Data and registered models stay, and the next `up` goes on with them."""
    found = find_environment(environment)
    with console.Reporter() as reporter:
        session = engine.open_session(found, reporter.progress)
        kept = contents.kept(session)
    if with_data:
        say_what_goes(kept)
    if with_data or not found.is_local:
        console.confirm(f"Delete {found.name}{' with its data' if with_data else ''}?", yes=yes)
    outcome = work(session, kept, with_data=with_data)
    left = [] if with_data else [holding.urn for holding in kept]
    console.say(f"{found.name}: {console.summary(outcome.changes)}; {outcome.seconds:.1f} s")
    if left:
        console.say(f"kept, with their data, for the next `up`: {len(left)} (--with-data deletes them)")
    if json:
        console.emit("destroy", {"environment": found.name, "kept": left, **described(outcome)})


def say_what_goes(kept: list[contents.Holding]) -> None:
    """Say what holds data, and how much."""
    console.say("this deletes, for good:")
    for holding in kept:
        console.say(f"  {holding.type} {holding.id}" + (f": {holding.amount}" if holding.amount else ""))


def work(session: Session, kept: list[contents.Holding], *, with_data: bool) -> engine.Outcome:
    """Empty what is to go, destroy, and delete last what the stack's endpoints served."""
    going = kept if with_data else []
    with console.Reporter() as reporter:
        contents.empty(session, going, reporter.progress)
        outcome = engine.destroy(session, reporter.watch, with_data=with_data)
        contents.delete_made_by_jobs(session, going, reporter.progress)
    return outcome
