"""An estimate as people and scripts read it: a table, Markdown for a pull request, one JSON object."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from components.stages import STAGES
from infra.cost import machine_view
from infra.cost.book import UNDATED
from infra.cost.estimate import Charge, Estimate
from infra.cost.exact import text

CENT = Decimal("0.01")
STALE_DAYS = 365
WIDE = 110
MARKS = {"exact": "", "derived": "derived", "unverified": "unverified"}


def document(estimate: Estimate, today: date) -> dict[str, Any]:
    """Return an estimate for scripts: amounts are exact, and text; `today` is the day against which prices age."""
    plan = estimate.plan
    return {
        "environment": plan.environment,
        "cloud": plan.cloud,
        "region": plan.region,
        "lines": [_line(one) for one in ordered(estimate.charges)],
        "total_monthly_usd": text(estimate.total_monthly_usd),
        "is_at_least": bool(estimate.unknown),
        "unknown": [_unknown(one) for one in ordered(estimate.unknown)],
        "free": [vars(one) for one in estimate.free],
        "usage": [_figure(path, estimate) for path in sorted(estimate.figures)],
        "machines": machine_view.document(plan.machines),
        "remarks": list(remarks(estimate, today)),
    }


def line(charge: Charge) -> Mapping[str, Any]:
    """Return a line for scripts: one without an amount has the reason in its place."""
    return _unknown(charge) if charge.unknown else _line(charge)


def _line(charge: Charge) -> Mapping[str, Any]:
    price, quantity, monthly = charge.price, charge.quantity, charge.monthly_usd
    assert price is not None and quantity is not None and monthly is not None  # noqa: S101, PT018 - it has an amount
    return {
        **_named(charge),
        "quantity": text(quantity),
        "price_usd": text(price.price),
        "monthly_usd": text(monthly),
        "source": price.source,
        "date": price.date,
        "confidence": price.confidence,
    }


def _unknown(charge: Charge) -> Mapping[str, Any]:
    quantity = None if charge.quantity is None else text(charge.quantity)
    return {**_named(charge), "quantity": quantity, "reason": charge.unknown}


def _named(charge: Charge) -> dict[str, Any]:
    keys = ("urn", "stage", "cloud", "region", "service", "sku", "what", "unit")
    return {key: getattr(charge, key) for key in keys}


def _figure(path: str, estimate: Estimate) -> Mapping[str, Any]:
    figure = estimate.figures[path]
    return {"path": path, "value": None if figure.value is None else text(figure.value), "assumed": figure.is_assumed}


def ordered(charges: tuple[Charge, ...]) -> list[Charge]:
    """Return lines by stage, in the platform's order, then as the resources stand in the graph."""
    order = {stage: place for place, stage in enumerate(STAGES)}
    return sorted(charges, key=lambda one: order.get(one.stage, len(order)))


def dollars(amount: Decimal) -> str:
    """Return an amount to the cent; what is more than nothing and less than a cent is said to be that."""
    if Decimal(0) < amount < CENT:
        return "< 0.01"
    return f"{amount.quantize(CENT):,}"


def total(estimate: Estimate) -> str:
    """Return the total in words: `at least` where lines are unknown."""
    amount = f"{dollars(estimate.total_monthly_usd)} USD a month"
    return f"at least {amount}" if estimate.unknown else amount


def by_stage(estimate: Estimate) -> Mapping[str, Decimal]:
    """Return the sum of each stage that has a line, in the platform's order."""
    sums: dict[str, Decimal] = {}
    for charge in ordered(estimate.charges):
        sums[charge.stage] = sums.get(charge.stage, Decimal(0)) + (charge.monthly_usd or Decimal(0))
    return sums


def table(estimate: Estimate, width: int) -> Table:
    """Return the lines as a table for a terminal of so many columns; a narrow one has no room for the skus."""
    is_wide = width >= WIDE
    found = Table(box=None, pad_edge=False, header_style="bold")
    found.add_column("what")
    if is_wide:
        found.add_column("sku")
    for title in ("quantity", "unit", "price", "a month"):
        found.add_column(title, justify="left" if title == "unit" else "right", no_wrap=title != "unit")
    found.add_column("price of")
    for stage, lines in groupby(_cells(estimate), key=itemgetter(0)):
        found.add_row(Text(stage, style="bold"))
        for _, what, sku, *rest in lines:
            found.add_row(Padding(what, (0, 0, 0, 2)), *([sku] if is_wide else []), *rest)
    return found


def _cells(estimate: Estimate) -> Iterator[tuple[str, ...]]:
    for one in ordered(estimate.charges + estimate.unknown):
        quantity = "" if one.quantity is None else short(one.quantity)
        if one.price is None or one.monthly_usd is None:
            yield one.stage, one.what, one.sku, quantity, one.unit, "unknown", "unknown", ""
            continue
        trust = " ".join(filter(None, (one.price.date, MARKS[one.price.confidence])))
        yield (
            one.stage, one.what, one.sku, quantity, one.unit, text(one.price.price), dollars(one.monthly_usd), trust,
        )  # fmt: skip


def short(quantity: Decimal) -> str:
    """Return a quantity with at most four significant digits behind the point; the JSON has it whole."""
    return text(quantity) if len(text(quantity)) <= 8 else f"{quantity:.4g}"


def remarks(estimate: Estimate, today: date) -> Iterator[str]:
    """Yield what a reader of the total must know: unknown lines with reasons, assumptions, prices not to be trusted."""
    for one in ordered(estimate.unknown):
        yield f"unknown: {one.urn.rsplit('::', 1)[-1]}, {one.what}: {one.unknown}"
    assumed = [path for path, figure in sorted(estimate.figures.items()) if figure.is_assumed]
    if assumed:
        where = f"stacks/usage/{estimate.plan.environment}.yaml"
        yield f"{len(assumed)} of {len(estimate.figures)} figures of usage are assumed; say how it is in {where}"
    doubtful = [one for one in estimate.charges if one.price and one.price.confidence == "unverified"]
    if doubtful:
        yield f"{len(doubtful)} of {len(estimate.charges)} lines have a price that nobody verified"
    yield from _aged(estimate, today)


def _aged(estimate: Estimate, today: date) -> Iterator[str]:
    """Yield how old the prices are, where some are old; one of a month or a year counts from its first day."""
    told = [one.price.date for one in estimate.charges if one.price]
    dates = [date.fromisoformat(f"{text}-01-01"[:10]) for text in told if text != UNDATED]
    old = [one for one in dates if (today - one).days > STALE_DAYS]
    if old:
        oldest = f"the oldest, of {min(old)}, is {(today - min(old)).days} days old"
        yield f"{len(old)} of {len(told)} lines have a price more than a year old; {oldest}"
    if len(dates) < len(told):
        yield f"{len(told) - len(dates)} of {len(told)} lines have a price without a date"


def markdown(estimate: Estimate, today: date) -> str:
    """Return the report for a pull request."""
    plan = estimate.plan
    lines = [f"### Cost of {plan.environment}: {total(estimate)}", ""]
    lines += ["| stage | USD a month |", "|---|---:|"]
    lines += [f"| {stage} | {dollars(amount)} |" for stage, amount in by_stage(estimate).items()]
    lines += ["", "| stage | what | sku | quantity | unit | price | a month | price of |"]
    lines += ["|---|---|---|---:|---|---:|---:|---|"]
    lines += ["| " + " | ".join(escaped(cell) for cell in cells) + " |" for cells in _cells(estimate)]
    lines += machine_view.markdown(plan.machines)
    lines += ["", *(f"- {escaped(remark)}" for remark in remarks(estimate, today))]
    return "\n".join(lines) + "\n"


def escaped(cell: str) -> str:
    """Return a text as a cell of a Markdown table takes it."""
    return cell.replace("|", "\\|").replace("<", "&lt;")
