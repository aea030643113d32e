"""`stile destroy`: delete an environment; data and registered models stay unless they are named."""

from typing import Annotated

import typer

from infra import engine
from infra.cli import console
from infra.cli.options import DEFAULT_ENVIRONMENT, EnvironmentName, Json, Yes
from infra.cli.up import described
from infra.engine import Outcome, Session, contents
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
        held = contents.holdings(session)
    if with_data:
        say_what_goes(held)
    if with_data or not found.is_local:
        console.confirm(f"Delete {found.name}{' with its data' if with_data else ''}?", yes=yes)
    outcome = work(session, held, with_data=with_data)
    left = [] if with_data else [holding.urn for holding in held if holding.is_kept]
    console.say(f"{found.name}: {console.summary(outcome.changes)}; {outcome.seconds:.1f} s")
    if left:
        console.say(f"kept, with their data, for the next `up`: {len(left)} (--with-data deletes them)")
    if json:
        console.emit("destroy", {"environment": found.name, "kept": left, **described(outcome)})


def say_what_goes(held: list[contents.Holding]) -> None:
    """Say what holds data, and how much."""
    console.say("this deletes, for good:")
    for holding in held:
        console.say(f"  {holding.type} {holding.id}" + (f": {holding.amount}" if holding.amount else ""))


def work(session: Session, held: list[contents.Holding], *, with_data: bool) -> Outcome:
    """Destroy; with data in two goes, for what stands until the first is over may write until then."""
    with console.Reporter() as reporter:
        if not with_data:
            return engine.destroy(session, reporter.watch)
        # An earlier one that failed left them unprotected: the first go deletes them.
        contents.empty(session, [holding for holding in held if not holding.is_kept], reporter.progress)
        first = engine.destroy(session, reporter.watch)
        contents.empty(session, held, reporter.progress)
        last = engine.destroy(session, reporter.watch, with_data=True)
        contents.delete_made_by_jobs(session, held, reporter.progress)
    return together(first, last)


def together(first: Outcome, last: Outcome) -> Outcome:
    """Return what two operations did, one after the other."""
    done = {change: count for change, count in first.changes.items() if change != "same"}
    changes = {change: done.get(change, 0) + last.changes.get(change, 0) for change in {**done, **last.changes}}
    return Outcome(changes, (*first.steps, *last.steps), first.seconds + last.seconds, last.outputs)
