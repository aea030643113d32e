"""`stile release`: name the model version that is to be live."""

from typing import Annotated

import typer

from infra import engine, releases
from infra.cli import console
from infra.cli.options import DEFAULT_ENVIRONMENT, EnvironmentName, Json, ModelName
from infra.deployed import find_deployed
from infra.environments import find_environment
from infra.errors import UsageError


def command(
    environment: EnvironmentName = DEFAULT_ENVIRONMENT,
    model: ModelName = None,
    version: Annotated[
        int | None, typer.Option(min=1, help="A promoted version; left out, the newest promoted one.")
    ] = None,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Name no version: the next `up` takes the endpoint away.")
    ] = False,
    json: Json = False,
) -> None:
    """Write into the stack's config which version is to be live; the next `up` deploys it. Reverting it goes back."""
    if withdraw and version is not None:
        raise UsageError("--withdraw names no version", fix="leave out --version, or --withdraw")
    found = find_environment(environment)
    with console.Reporter() as reporter:
        session = engine.open_session(found, reporter.progress)
        deployed = find_deployed(session)
        chosen = deployed.model(model)
        named = None
        if withdraw:
            releases.withdraw(session, chosen.name)
        else:
            named = releases.choose(deployed.cloud.versions(chosen.group), version)
            releases.write(session, chosen.name, named)
    where = found.config_path.relative_to(found.root)
    said = "no version" if named is None else f"version {named.version} (sha256 {named.sha256[:12]}...)"
    console.say(f"{where} now names {said} of {chosen.name}\nnext: ./stile up {found.name}")
    if json:
        release = None if named is None else {"version": named.version, "sha256": named.sha256}
        console.emit(
            "release", {"environment": found.name, "model": chosen.name, "config": str(where), "release": release}
        )
