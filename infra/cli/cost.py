"""`stile cost`: what an environment will cost in a month, before it exists; no engine, plugin, network or account."""

from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli import console
from infra.cli.budget import Strict
from infra.cli.cost_asked import (
    Answer,
    Form,
    check_page,
    configured,
    one_of,
    today,
    usage_and_book,
    with_releases,
    write,
)
from infra.cli.options import DEFAULT_ENVIRONMENT, EnvironmentName, Json
from infra.environments import Environment, find_environment
from infra.errors import OverBudget, UsageError

if TYPE_CHECKING:
    from datetime import date

    from infra.cost.estimate import Estimate
    from infra.cost.guard import Judgement
    from infra.cost.sweep import Basis

__all__ = ["command", "with_releases"]

FORMS: dict[str | None, Form] = {None: "table", "--json": "json", "--markdown": "markdown", "--html": "html"}


def command(  # noqa: PLR0913, PLR0917 - an argument for each option
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
    check: Annotated[
        bool, typer.Option("--check", help="End with exit code 6 if it is over the configuration's budget.")
    ] = False,
    strict: Strict = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Write Markdown for a pull request on stdout.")] = False,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Write a page with plots; - is stdout.")
    ] = None,
    json: Json = False,
) -> int:
    """Show what an environment will cost in a month, line by line, each with the source of its price."""
    forms = {"--json": json, "--markdown": markdown, "--html": html is not None}
    form = FORMS[one_of(forms, "are different forms")]
    questions = {"--compare": compare is not None, "--diff": diff, "--check": check}
    question = one_of(questions, "are different questions")
    if html is not None:
        check_page(html, question)
    if strict and not check:
        raise UsageError("--strict says how --check judges", fix="add --check")
    asked = answer(find_environment(environment), compare=compare, diff=diff, released=released)
    write(asked, form, html or "")
    return OverBudget.exit_code if check and asked.is_over(strict) else 0


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

    from infra.cost import guard, machine_view, report
    from infra.cost.model import cost_model
    from infra.cost.plan import plan
    from infra.cost.sweep import Basis
    from infra.program import read

    config = configured(environment, released=released)
    planned = plan(environment.name, config)
    basis = Basis(planned, *usage_and_book(environment, planned), cost_model(planned.cloud))
    estimated = basis.estimated()
    day, judged = today(), guard.beside(read(environment.name, config), estimated)
    budget = {"budget": judged.document() if judged else None}
    return Answer(
        document=lambda: {**report.document(estimated, day), **budget},
        markdown=lambda: report.markdown(estimated, day),
        table=lambda: Group(
            report.table(estimated, console.terminal().width), "", machine_view.table(planned.machines)
        ),
        remarks=lambda: report.remarks(estimated, day),
        closing=f"{environment.name} will cost {report.total(estimated)}{judged.closing if judged else ''}",
        is_over=lambda strict: judged is not None and judged.is_over(strict=strict),
        html=lambda: _page(basis, estimated, judged, day),
    )


def _page(basis: "Basis", estimated: "Estimate", judged: "Judgement | None", day: "date") -> str:
    """Return the page; what draws it is loaded only where it is asked for."""
    from infra.cost.page import page

    return page(basis, estimated, judged, day)
