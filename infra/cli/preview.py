"""`stile preview`: what `up` would change; with --offline, what the program declares."""

from typing import Annotated

import typer

from infra import program
from infra.cli import console
from infra.cli.options import DEFAULT_ENVIRONMENT, EnvironmentName, Json
from infra.environments import Environment, find_environment, read_config


def command(
    environment: EnvironmentName = DEFAULT_ENVIRONMENT,
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Run the program alone: no CLI, plugin, network or account; secrets unknown."),
    ] = False,
    json: Json = False,
) -> None:
    """Show what `up` would change, without changing it."""
    found = find_environment(environment)
    if offline:
        show_graph(found, json=json)
        return
    config = read_config(found.config_path)
    spec = program.read(found.name, config)
    program.load_ahead(spec)
    from infra import engine
    from infra.cli import budget
    from infra.cli.up import described

    judged = budget.told(found, spec, config)

    with console.Reporter() as reporter:
        session = engine.open_session(found, reporter.progress)
        outcome = engine.preview(session, reporter.watch)
    console.say(f"{found.name} would change: {console.summary(outcome.changes)}; {outcome.seconds:.1f} s")
    if json:
        told = judged.document() if judged else None
        console.emit("preview", {"environment": found.name, "offline": False, **described(outcome), "budget": told})


def show_graph(environment: Environment, *, json: bool) -> None:
    """Run the program under mocks and show its resources."""
    from infra.offline import declared

    graph = declared(environment)
    if json:
        resources = [vars(resource) for resource in graph.resources]
        console.emit("preview", {"environment": environment.name, "offline": True, "resources": resources})
        return
    for depth, resource in graph.tree():
        console.say(f"  {'  ' * depth}{resource.type} {resource.name}")
    console.say(f"{environment.name} declares {len(graph.resources)} resources")
