"""A comparison of two clouds as people and scripts read it: a table, Markdown for a pull request, one JSON object."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from rich.table import Table

from infra.cost import report
from infra.cost.compare import Cell, Comparison, Row, decimal
from infra.cost.estimate import Charge, Estimate
from infra.cost.exact import exactly, text


def document(found: Comparison, environment: str, places: tuple[str, str]) -> dict[str, Any]:
    """Return a comparison for scripts: amounts are exact, and text.

    Args:
        found: the comparison.
        environment: whose definition and usage they are.
        places: the file that says where each side stands; empty for the defaults.
    """
    pairs = list(zip(found.sides, places, strict=True))
    return {
        "environment": environment,
        "compare": {
            "clouds": list(found.clouds),
            "sides": {side.plan.cloud: _side(side, place) for side, place in pairs},
            "rows": [_row(row, found) for row in found.rows],
            "stages": [_stage(stage, found) for stage in stages(found)],
            "crossing": _crossing(found),
        },
        "remarks": list(remarks(found, environment, places)),
    }


def _side(side: Estimate, place: str) -> Mapping[str, Any]:
    return {
        "environment": side.plan.environment,
        "region": side.plan.region,
        "place_from": place or "defaults",
        "total_monthly_usd": text(side.total_monthly_usd),
        "is_at_least": bool(side.unknown),
        "lines": [report.line(one) for one in report.ordered(side.charges)],
        "unknown": [report.line(one) for one in report.ordered(side.unknown)],
    }


def _row(row: Row, found: Comparison) -> Mapping[str, Any]:
    """Return a row; null is what a cloud has no line for, or none with an amount."""
    both = list(zip(found.clouds, row.cells, strict=True))
    return {
        "stage": row.stage,
        "what": row.what,
        "monthly_usd": {cloud: text(cell.monthly_usd) if cell.lines else None for cloud, cell in both},
        "unknown_lines": {cloud: cell.unknown for cloud, cell in both},
    }


def _stage(stage: str, found: Comparison) -> Mapping[str, Any]:
    cells = zip(found.clouds, stages(found)[stage], strict=True)
    return {"stage": stage, "monthly_usd": {cloud: text(cell.monthly_usd) for cloud, cell in cells}}


def _crossing(found: Comparison) -> Mapping[str, Any]:
    both = list(zip(found.clouds, found.courses, strict=True))
    crossing = found.crossing
    return {
        "shares": {name: str(share) for name, share in found.shares.items()},
        "fixed_usd": {cloud: text(decimal(course.fixed_usd)) for cloud, course in both},
        "per_request_usd": {cloud: text(decimal(course.per_request_usd)) for cloud, course in both},
        "requests": str(crossing.requests) if crossing else None,
        "from_requests": str(crossing.whole) if crossing else None,
        "totals_there_usd": dict(zip(found.clouds, map(text, crossing.totals), strict=True)) if crossing else None,
        "cheaper_with_few": found.cheaper(many=False),
        "cheaper_with_many": found.cheaper(many=True),
        "sentence": sentence(found),
    }


def stages(found: Comparison) -> Mapping[str, tuple[Cell, Cell]]:
    """Return what both clouds take for each stage, in the platform's order."""
    sums: dict[str, tuple[Cell, Cell]] = {}
    for row in found.rows:
        one, other = sums.get(row.stage, (_NONE, _NONE))
        sums[row.stage] = _plus(one, row.cells[0]), _plus(other, row.cells[1])
    return sums


_NONE = Cell(Decimal(0), 0, 0)


def _plus(one: Cell, other: Cell) -> Cell:
    with exactly():
        amount = one.monthly_usd + other.monthly_usd
    return Cell(amount, one.lines + other.lines, one.unknown + other.unknown)


def _shown(cell: Cell) -> str:
    """Return a cell's amount; what a cloud has no line for is no 0."""
    if not cell.lines:
        return "unknown" if cell.unknown else "-"
    amount = report.dollars(cell.monthly_usd)
    return f"at least {amount}" if cell.unknown else amount


def sentence(found: Comparison) -> str:
    """Return which cloud is the cheaper at which numbers of requests."""
    few, many, crossing = found.cheaper(many=False), found.cheaper(many=True), found.crossing
    scope = " of the lines with an amount," if any(side.unknown for side in found.sides) else ""
    if few is None and many is None:
        return f"{scope} both cost the same at every number of requests".strip()
    if crossing is None or few == many:
        return f"{scope} {many} is the cheaper at every number of requests".strip()
    there = " and ".join(
        f"{report.dollars(amount)} on {cloud}" for cloud, amount in zip(found.clouds, crossing.totals, strict=True)
    )
    count = f"{crossing.whole:,} requests a month"
    if crossing.requests == crossing.whole:
        return f"{scope} both cost the same at {count} ({there}): {few} is the cheaper below, {many} above".strip()
    return f"{scope} {few} is the cheaper below {count}, {many} from there on ({there})".strip()


def remarks(found: Comparison, environment: str, places: tuple[str, str]) -> Iterator[str]:
    """Yield what a reader of the comparison must know: what is held, what is unknown, where the sides stand."""
    for side, place in zip(found.sides, places, strict=True):
        where = f"as {place} says" if place else "by default"
        yield f"{side.plan.cloud}: {side.plan.region}, {where}; {report.total(side)}"
    yield f"both by the usage of {environment}; with more requests the number of instances is held, and may not suffice"
    if len(found.shares) > 1:
        how = "as the usage states them" if found.is_stated else "as many for each, since the usage does not state them"
        yield f"all models' requests are scaled together: {how}"
    for side in found.sides:
        for one in report.ordered(side.unknown):
            yield f"unknown on {one.cloud}: {_of(one)}: {one.unknown}"
    for course in found.courses:
        yield from (
            f"{_of(one)} on {one.cloud} grows with the requests, by an unknown amount" for one in course.unknown
        )
    if not any(course.per_request_usd for course in found.courses):
        yield "no line with an amount grows with the requests" + ("" if _serves(found) else ": nothing is released")


def _of(charge: Charge) -> str:
    return f"{charge.urn.rsplit('::', 1)[-1]}, {charge.what}"


def _serves(found: Comparison) -> bool:
    return any(row.stage == "endpoint" for row in found.rows)


def table(found: Comparison) -> Table:
    """Return both sides as a table for a terminal."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("stage", "what", *found.clouds):
        made.add_column(title, justify="right" if title in found.clouds else "left", overflow="fold")
    for cells in _cells(found):
        made.add_row(*cells)
    return made


def _cells(found: Comparison) -> Iterator[tuple[str, ...]]:
    for stage, sums in stages(found).items():
        for row in found.rows:
            if row.stage == stage:
                yield stage, row.what, *map(_shown, row.cells)
        yield stage, "together", *map(_shown, sums)


def closing(found: Comparison, environment: str) -> str:
    """Return the last sentence: both totals, and where they cross over."""
    totals = ", ".join(f"{report.total(side)} on {side.plan.cloud}" for side in found.sides)
    return f"{environment} will cost {totals}; {sentence(found)}"


def markdown(found: Comparison, environment: str, places: tuple[str, str]) -> str:
    """Return the comparison for a pull request."""
    one, other = found.clouds
    lines = [f"### Cost of {environment} on {one} and {other}", ""]
    lines += [f"| stage | {one} | {other} |", "|---|---:|---:|"]
    lines += [_line(stage, *map(_shown, cells)) for stage, cells in stages(found).items()]
    totals = (report.total(side).removesuffix(" USD a month") for side in found.sides)
    lines += [_line("**together, USD a month**", *totals), "", f"**{sentence(found)}**", ""]
    lines += [f"| stage | what | {one} | {other} |", "|---|---|---:|---:|"]
    lines += [_line(row.stage, row.what, *map(_shown, row.cells)) for row in found.rows]
    lines += ["", *(f"- {report.escaped(remark)}" for remark in remarks(found, environment, places))]
    return "\n".join(lines) + "\n"


def _line(*cells: str) -> str:
    return "| " + " | ".join(report.escaped(cell) for cell in cells) + " |"
