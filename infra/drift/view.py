"""How a drift report looks to people: lines for a terminal, Markdown for a pull request."""

from collections.abc import Iterator

from rich.text import Text

from infra.drift.infrastructure import shown
from infra.drift.report import Finding, Part, Report, Status
from infra.engine.events import short

STYLES: dict[Status, str] = {"ok": "green", "drift": "bold red", "unknown": "yellow"}
ANSWERS: dict[Status, str] = {
    "ok": "all is as it should be",
    "drift": "something has drifted",
    "unknown": "not everything could be judged",
}
MOST = 20
"""So many findings of a part are shown; JSON and the page have all."""


def answer(report: Report) -> str:
    """Return the answer to `is it all right?`."""
    return f"{report.environment}: {ANSWERS[report.status]}"


def lines(report: Report) -> Iterator[Text]:
    """Yield a report's lines for a terminal."""
    yield Text(answer(report), style=STYLES[report.status])
    for name, part in report.parts.items():
        yield Text.assemble("  ", (f"{name:<8}", "bold"), (f"{part.status:<8}", STYLES[part.status]), part.told)
        yield from _findings(part)
    if report.fixes:
        yield Text("\nWhat can be done (nothing is done by itself)", style="bold")
    for command, does in report.fixes:
        yield Text(f"  {command}\n    {does}")


def _findings(part: Part) -> Iterator[Text]:
    about = ""
    for finding in part.findings[:MOST]:
        if finding.kind == "changed" and "property" in finding.values:
            if finding.about != about:
                yield Text(f"    changed  {short(finding.about)}")
            yield Text(f"      {_values(finding)}", style="dim")
        else:
            yield Text(f"    {finding.kind}  {finding.told}")
        about = finding.about
    if len(part.findings) > MOST:
        yield Text(f"    and {len(part.findings) - MOST} more; --json has them all", style="dim")


def _values(finding: Finding) -> str:
    values = finding.values
    return f"{values['property']}: expected {shown(values['expected'])}, is {shown(values['actual'])}"


def markdown(report: Report) -> str:
    """Return a report for a pull request."""
    return "\n".join(_markdown(report)) + "\n"


def _markdown(report: Report) -> Iterator[str]:
    yield f"## {answer(report)}\n\n| part | status | |\n|---|---|---|"
    for name, part in report.parts.items():
        yield f"| {name} | **{part.status}** | {_cell(part.told)} |"
    for name, part in report.parts.items():
        if part.findings:
            yield f"\n### {name}\n\n| | what | expected | is |\n|---|---|---|---|"
        for one in part.findings:
            yield f"| {one.kind} | {' | '.join(map(_cell, _cells(one)))} |"
    if report.fixes:
        yield "\n### What can be done\n"
    for command, does in report.fixes:
        yield f"- `{command}`: {does}"


def _cells(finding: Finding) -> tuple[str, str, str]:
    if "property" not in finding.values:
        return finding.told, "", ""
    values = finding.values
    return f"{short(finding.about)}: {values['property']}", shown(values["expected"]), shown(values["actual"])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
