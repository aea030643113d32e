"""`stile drift`: whether what runs is what was declared, what comes in is known, and the answers are still right."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli import console
from infra.cli.cost_asked import one_of
from infra.cli.options import DEFAULT_ENVIRONMENT, Json
from infra.environments import find_environment
from infra.errors import StileError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.drift.report import Report
    from infra.environments import Environment

Environments = Annotated[
    list[str] | None,
    typer.Argument(metavar="ENVIRONMENT...", help=f"One or several; left out, {DEFAULT_ENVIRONMENT}."),
]


def command(
    environments: Environments = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Write Markdown for a pull request on stdout.")] = False,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Write a page with plots; - is stdout.")
    ] = None,
    json: Json = False,
) -> int:
    """Say whether all is right: infrastructure, data and model quality. Starts and changes nothing.

    Exit codes: 0 all is right, 3 something drifted, 4 nothing drifted as far as it could be judged, 1 failed. Of
    several environments the worst, in the order 1, 3, 4, 0.
    """
    one_of({"--json": json, "--markdown": markdown, "--html": html is not None}, "are different forms")
    if html is not None:
        check_page(html)
    found = [find_environment(name) for name in dict.fromkeys(environments or [DEFAULT_ENVIRONMENT])]
    reports, failed = reported(found)
    write(reports, as_json=json, as_markdown=markdown, target=html)
    return code(reports, failed)


def check_page(target: str) -> None:
    """Check, before any work, that a page can be made and written; raises UsageError or ToolchainError."""
    from infra.pages.requirements import require_libraries
    from infra.pages.writing import check_target

    check_target(target)
    require_libraries()


def reported(environments: "Sequence[Environment]") -> "tuple[list[Report], list[StileError]]":
    """Report on each; where there are several, one that cannot be reported on keeps the others from nobody.

    Raises:
        StileError: the only one cannot be reported on.
    """
    from infra.drift.ask import report

    reports, failed = [], []
    for environment in environments:
        try:
            with console.Reporter() as reporter:
                reporter.progress(f"comparing {environment.name} with its cloud")
                reports.append(report(environment, reporter.watch))
        except StileError as error:
            if len(environments) == 1:
                raise
            console.report(error, as_json=False)
            failed.append(error)
    return reports, failed


def write(reports: "Sequence[Report]", *, as_json: bool, as_markdown: bool, target: str | None) -> None:
    """Write reports in the form that is asked for."""
    from infra.drift import view
    from infra.drift.ask import described

    if as_json:
        console.emit("drift", described(reports))
        return
    if as_markdown:
        sys.stdout.write("\n".join(map(view.markdown, reports)))
        return
    if target is not None:
        from infra.drift.page import page
        from infra.pages.writing import write_page

        write_page(page(reports), target)
    for report in reports:
        shown = [next(view.lines(report))] if target is not None else view.lines(report)
        for line in shown:
            console.terminal().print(line)


def code(reports: "Sequence[Report]", failed: "Sequence[StileError]") -> int:
    """Return the exit code: a failure is worse than drift, drift than what could not be judged."""
    from infra.drift.report import EXIT_CODES, worst

    if failed:
        return max(error.exit_code for error in failed) if not reports else 1
    return EXIT_CODES[worst(one.status for one in reports)]
