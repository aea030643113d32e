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
    compare: Annotated[
        str | None,
        typer.Option("--compare", metavar="CLOUDS", help="The same definition on both clouds, such as aws,gcp."),
    ] = None,
    diff: Annotated[
        bool, typer.Option("--diff", help="What the next `up` adds or saves: the state against the configuration.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Write Markdown for a pull request on stdout.")] = False,
    json: Json = False,
) -> None:
    """Show what an environment will cost in a month, line by line, each with the source of its price."""
    form = FORMS[one_of({"--json": json, "--markdown": markdown}, "both want stdout")]
    one_of({"--compare": compare is not None, "--diff": diff}, "are different questions")
    write(answer(find_environment(environment), compare=compare, diff=diff, released=released), form)


def answer(environment: Environment, *, compare: str | None, diff: bool, released: bool) -> Answer:
    """Answer the one question that was asked; what the others need is not loaded."""
    if compare is not None:
        from infra.cli import cost_compare

        return cost_compare.answer(environment, compare, released=released)
    if diff:
        from infra.cli import cost_diff

        return cost_diff.answer(environment, released=released)
    return single(environment, released=released)


def single(environment: Environment, *, released: bool) -> Answer:
    """Answer what one environment will cost; raises ConfigError."""
    from rich.console import Group

    from infra.cost import machine_view, report
    from infra.cost.plan import plan

    (estimated,) = priced(environment, plan(environment.name, configured(environment, released=released)))
    day = today()
    return Answer(
        document=lambda: report.document(estimated, day),
        markdown=lambda: report.markdown(estimated, day),
        table=lambda: Group(report.table(estimated), "", machine_view.table(estimated.plan.machines)),
        remarks=lambda: report.remarks(estimated, day),
        closing=f"{environment.name} will cost {report.total(estimated)}",
    )
