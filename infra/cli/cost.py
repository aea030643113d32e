"""`stile cost`: what an environment will cost in a month, before it exists; no engine, plugin, network or account."""

from typing import Annotated

import typer

from infra.cli.cost_asked import Answer, Form, configured, one_of, priced, today, with_releases, write
from infra.cli.options import DEFAULT_ENVIRONMENT, EnvironmentName, Json
from infra.environments import Environment, find_environment

__all__ = ["command", "with_releases"]

FORMS: dict[str | None, Form] = {None: "table", "--json": "json", "--markdown": "markdown"}


def command(
    environment: EnvironmentName = DEFAULT_ENVIRONMENT,
    released: Annotated[
        bool, typer.Option("--released", help="As if every model were released: with their endpoints.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="What the next `up` adds or saves: the state against the configuration.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Write Markdown for a pull request on stdout.")] = False,
    json: Json = False,
) -> None:
    """Show what an environment will cost in a month, line by line, each with the source of its price."""
    form = FORMS[one_of({"--json": json, "--markdown": markdown}, "both want stdout")]
    found = find_environment(environment)
    if diff:
        from infra.cli import cost_diff

        write(cost_diff.answer(found, released=released), form)
        return
    write(single(found, released=released), form)


def single(environment: Environment, *, released: bool) -> Answer:
    """Answer what one environment will cost; raises ConfigError."""
    from infra.cost import report
    from infra.cost.plan import plan

    (estimated,) = priced(environment, plan(environment.name, configured(environment, released=released)))
    day = today()
    return Answer(
        document=lambda: report.document(estimated, day),
        markdown=lambda: report.markdown(estimated, day),
        table=lambda: report.table(estimated),
        remarks=lambda: report.remarks(estimated, day),
        closing=f"{environment.name} will cost {report.total(estimated)}",
    )
