"""`stile leftovers`: what still exists of an environment in its cloud, by tag."""

import typer

from infra.cli import console
from infra.cli.options import DEFAULT_ENVIRONMENT, EnvironmentName, Json
from infra.engine.session import session_as_it_stands
from infra.environments import find_environment
from infra.errors import LocalCloudError, UsageError

LEFT = 3


def command(environment: EnvironmentName = DEFAULT_ENVIRONMENT, json: Json = False) -> None:
    """List what exists with an environment's tags: after `destroy --with-data`, what it left. Changes nothing.

    Exit code 3: something is there that can be deleted.
    """
    from infra.drift.existing import existing

    found = find_environment(environment)
    session = session_as_it_stands(found)
    if session is None:
        raise UsageError(f"{found.name} was never deployed", fix=f"./stile up {found.name}")
    if found.is_local and session.cloud is None:
        raise LocalCloudError(
            "the local cloud does not run, and keeps nothing over a stop", fix=f"./stile local start {found.cloud}"
        )
    things = existing(session)
    for thing in things:
        console.say(f"  {thing.type} {thing.id}" + (f"  ({thing.kept})" if thing.kept else ""))
    console.say(f"{found.name}: {len(things) or 'nothing'} {'is' if len(things) < 2 else 'are'} there with its tags")
    if json:
        rows = [{"type": one.type, "id": one.id, "kept": one.kept or None} for one in things]
        console.emit("leftovers", {"environment": found.name, "things": rows})
    if any(not thing.stays for thing in things):
        raise typer.Exit(LEFT)
