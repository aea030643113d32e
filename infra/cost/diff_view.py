"""A difference as people and scripts read it: a table, Markdown for a pull request, one JSON object."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rich.table import Table

from components.stages import STAGES
from infra.cost import report
from infra.cost.diff import Bound, Change, Difference, bound_of
from infra.cost.estimate import Charge, Estimate
from infra.cost.exact import exactly, text

NOTHING = "nothing of it stands in a cloud yet: everything is added"
TITLES = ("change", "stage", "what", "before", "after", "a month")


def document(found: Difference) -> dict[str, Any]:
    """Return a difference for scripts: amounts are exact, and text; below 0 is what is saved."""
    plan = found.after.plan
    return {
        "environment": plan.environment,
        "cloud": plan.cloud,
        "region": plan.region,
        "diff": {
            "has_state": found.before is not None,
            "before_monthly_usd": text(_total(found.before)),
            "after_monthly_usd": text(found.after.total_monthly_usd),
            "difference_monthly_usd": text(found.difference_usd),
            "bound": found.bound,
            "stages": [_stage(one) for one in _stages(found)],
            "lines": [_change(one) for one in _ordered(found)],
        },
        "remarks": list(remarks(found)),
    }


def _change(change: Change) -> Mapping[str, Any]:
    return {
        "change": change.kind,
        "stage": change.line.stage,
        "what": change.line.what,
        "difference_monthly_usd": text(change.difference_usd),
        "bound": change.bound,
        "before": report.line(change.before) if change.before else None,
        "after": report.line(change.after) if change.after else None,
    }


def _total(estimate: Estimate | None) -> Decimal:
    return estimate.total_monthly_usd if estimate else Decimal(0)


@dataclass(frozen=True)
class _Stage:
    """What a stage costs on both sides, of the lines with an amount, and how far it and its difference are known."""

    name: str
    amounts: tuple[Decimal, Decimal]
    at_least: tuple[bool, bool]
    bound: Bound

    @property
    def difference_usd(self) -> Decimal:
        with exactly():
            return self.amounts[1] - self.amounts[0]

    def cells(self) -> tuple[str, ...]:
        shown = zip(map(report.dollars, self.amounts), self.at_least, strict=True)
        sides = (f"at least {amount}" if is_at_least else amount for amount, is_at_least in shown)
        return self.name, *sides, _bounded(self.bound, signed(self.difference_usd))


def _stage(stage: _Stage) -> Mapping[str, Any]:
    before, after = map(text, stage.amounts)
    return {
        "stage": stage.name,
        "before_monthly_usd": before,
        "after_monthly_usd": after,
        "difference_monthly_usd": text(stage.difference_usd),
        "bound": stage.bound,
    }


def _stages(found: Difference) -> Iterator[_Stage]:
    """Yield each stage that has a line on a side, in the platform's order."""
    with exactly():
        old, new = (report.by_stage(side) if side else {} for side in (found.before, found.after))
    unknown = [{one.stage for one in side.unknown} if side else set() for side in (found.before, found.after)]
    for name in sorted({*old, *new, *unknown[0], *unknown[1]}, key=_place):
        amounts = old.get(name, Decimal(0)), new.get(name, Decimal(0))
        bound = bound_of(one for one in found.changes if one.line.stage == name)
        yield _Stage(name, amounts, (name in unknown[0], name in unknown[1]), bound)


def _place(stage: str) -> int:
    order = [*STAGES]
    return order.index(stage) if stage in order else len(order)


def _ordered(found: Difference) -> list[Change]:
    return sorted(found.changes, key=lambda one: _place(one.line.stage))


def signed(amount: Decimal) -> str:
    """Return an amount to the cent with its sign; nothing has none."""
    sign = "+" if amount > 0 else "-" if amount < 0 else ""
    return f"{sign}{report.dollars(abs(amount))}"


def total(found: Difference) -> str:
    """Return the difference in words: what is added or saved, and how far that is known."""
    amount, bound = found.difference_usd, found.bound
    shown = f"{report.dollars(abs(amount))} USD a month"
    if bound == "unknown":
        return f"changes by an unknown amount; the lines with an amount, by {signed(amount)} USD a month"
    if bound == "exact" and not amount:
        return "changes nothing: 0.00 USD a month"
    if amount < 0 or (not amount and bound == "at most"):
        return f"saves {_SAVED[bound]}{shown}"
    return f"adds {'' if bound == 'exact' else f'{bound} '}{shown}"


_SAVED: Mapping[str, str] = {"exact": "", "at least": "at most ", "at most": "at least "}
"""What is added at least, and below 0, is saved at most."""


def _bounded(bound: Bound, shown: str) -> str:
    return shown if bound == "exact" else "unknown" if bound == "unknown" else f"{bound} {shown}"


def closing(found: Difference) -> str:
    """Return the last sentence."""
    return f"{found.after.plan.environment}: the next up {total(found)}"


def table(found: Difference) -> Table:
    """Return the lines that differ as a table for a terminal."""
    made = Table(box=None, pad_edge=False, header_style="bold", show_header=bool(found.changes))
    for title in TITLES:
        made.add_column(title, justify="right" if title == "a month" else "left", overflow="fold")
    for cells in _cells(found):
        made.add_row(*cells)
    return made


def _cells(found: Difference) -> Iterator[tuple[str, ...]]:
    for one in _ordered(found):
        shown = _bounded(one.bound, signed(one.difference_usd))
        yield one.kind, one.line.stage, one.line.what, _side(one.before), _side(one.after), shown


def _side(charge: Charge | None) -> str:
    """Return a line's sku, quantity and amount in one cell."""
    if charge is None:
        return ""
    quantity = "" if charge.quantity is None else f"{report.short(charge.quantity)} {charge.unit}"
    amount = "unknown" if charge.monthly_usd is None else report.dollars(charge.monthly_usd)
    return ", ".join(filter(None, (charge.sku, quantity, amount)))


def remarks(found: Difference) -> Iterator[str]:
    """Yield what a reader of the difference must know: what has no amount, and what was compared."""
    if found.before is None:
        yield NOTHING
    for change in _ordered(found):
        for side, charge in (("before", change.before), ("after", change.after)):
            if charge is not None and charge.unknown:
                yield f"unknown {side}: {charge.urn.rsplit('::', 1)[-1]}, {charge.what}: {charge.unknown}"
    if found.alike:
        several = f"{found.alike} lines are" if found.alike > 1 else "1 line is"
        yield f"{several} unknown before and after alike, which changes nothing"
    if found.before is not None:
        yield "before is what the state has, after what the configuration declares; by one usage and one price book"


def markdown(found: Difference) -> str:
    """Return the difference for a pull request."""
    lines = [f"### Cost of {found.after.plan.environment}: this change {total(found)}", ""]
    lines += ["| stage | before | after | a month |", "|---|---:|---:|---:|"]
    lines += [_row(one.cells()) for one in _stages(found)]
    if found.changes:
        lines += ["", "| " + " | ".join(TITLES) + " |", "|---|---|---|---|---|---:|"]
        lines += [_row(cells) for cells in _cells(found)]
    lines += ["", *(f"- {report.escaped(remark)}" for remark in remarks(found))]
    return "\n".join(lines).rstrip("\n") + "\n"


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(report.escaped(cell) for cell in cells) + " |"
