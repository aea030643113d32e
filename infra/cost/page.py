"""The cost report as one HTML page: what people see of an estimate, as templates/cost.html takes it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from components.stages import STAGES
from infra.cost import machine_view, plots, report, usage
from infra.cost.estimate import Charge, Estimate
from infra.cost.exact import exactly, text
from infra.cost.guard import Judgement
from infra.cost.sweep import Basis, Point, Split, Sweep, split, sweep
from infra.pages.frame import render

TEMPLATE = Path(__file__).parent / "templates" / "cost.html"
SERVICES = 7
"""So many services have a bar of their own; the rest, which cost less, share one."""
CLOUDS = {"aws": "AWS", "gcp": "Google Cloud"}
ADDRESS = re.compile(r"https://\S+")


@dataclass(frozen=True)
class Plots:
    """The drawings of a page, each an SVG element; empty where there is nothing to draw."""

    stages: str
    services: str
    requests: str


def page(basis: Basis, estimated: Estimate, judged: Judgement | None, today: date) -> str:
    """Return the page: the same bytes for the same estimate and day.

    Args:
        basis: what the estimate rests on; it is estimated again with other usage.
        estimated: the estimate.
        judged: the estimate beside the configuration's budget; None if it has none.
        today: the day against which prices age.
    """
    without = basis.without_use()
    whole = split(estimated, without).get(estimated.plan.cloud)
    stages, services = _by_stage(split(estimated, without, "stage")), _by_amount(split(estimated, without, "service"))
    swept = sweep(basis, without)
    sources = _sources(estimated.charges)
    return render(
        TEMPLATE,
        **_headline(estimated, judged, today),
        whole=_amounts(whole) if whole else None,
        is_asked="endpoint" in stages,
        plots=_drawn(stages, services, swept),
        swept=_swept(swept),
        parts={"stage": _split_rows(stages), "service": _split_rows(services)},
        groups=[_group(stage, one, estimated, sources) for stage, one in stages.items()],
        machine_titles=machine_view.TITLES,
        machine_numbers=machine_view.NUMBERS,
        machines=list(machine_view.rows(estimated.plan.machines)),
        figures=[_figure(path, estimated) for path in sorted(estimated.figures)],
        remarks=list(report.remarks(estimated, today)),
        sources=[_source(number, told) for told, number in sources.items()],
    )


def _headline(estimated: Estimate, judged: Judgement | None, today: date) -> Mapping[str, Any]:
    plan = estimated.plan
    return {
        "environment": plan.environment,
        "cloud": CLOUDS[plan.cloud],
        "region": plan.region,
        "day": today.isoformat(),
        "total": report.total(estimated),
        "exact_total": text(estimated.total_monthly_usd),
        "budget": judged.closing.removeprefix(", ") if judged else None,
        "is_over": judged is not None and judged.verdict == "over",
        "unknown": len(estimated.unknown),
        "lines": len(estimated.charges) + len(estimated.unknown),
        "free": len(estimated.free),
        "usage_file": f"{usage.FOLDER.as_posix()}/{plan.environment}.yaml",
    }


def _by_stage(parts: Mapping[str, Split]) -> Mapping[str, Split]:
    """Return parts in the platform's order of stages."""
    order = {stage: place for place, stage in enumerate(STAGES)}
    return dict(sorted(parts.items(), key=lambda item: order.get(item[0], len(order))))


def _by_amount(parts: Mapping[str, Split]) -> Mapping[str, Split]:
    """Return parts with the largest first; a service that has no name is that of types that no row knows."""
    ordered = sorted(parts.items(), key=lambda item: (-item[1].total, item[0]))
    return {name or "unknown service": one for name, one in ordered}


def _few(parts: Mapping[str, Split]) -> Mapping[str, Split]:
    """Return parts with those after the first few as one, if they are more than one."""
    names = list(parts)
    first, rest = names[:SERVICES], [parts[name] for name in names[SERVICES:]]
    if len(rest) < 2:
        return parts
    with exactly():
        fixed, per_use = (sum((getattr(one, kind) for one in rest), Decimal(0)) for kind in ("fixed", "per_use"))
    are_unknown = any(one.is_fixed_unknown for one in rest), any(one.is_per_use_unknown for one in rest)
    return {**{name: parts[name] for name in first}, f"{len(rest)} others": Split(fixed, per_use, *are_unknown)}


def _drawn(stages: Mapping[str, Split], services: Mapping[str, Split], swept: Sweep) -> Plots:
    return Plots(
        stages=plots.bars(stages, "stages", f"USD a month by stage: {_told(stages)}"),
        services=plots.bars(_few(services), "services", f"USD a month by service: {_told(services)}"),
        requests=plots.requests(swept, "requests", _told_sweep(swept)) if swept.points else "",
    )


def _told(parts: Mapping[str, Split]) -> str:
    return "; ".join(f"{name} {plots.amount(one)}" for name, one in parts.items())


def _told_sweep(swept: Sweep) -> str:
    first, last = swept.points[0], swept.points[-1]
    ends = (f"{report.dollars(one.total)} at {one.requests:,.0f} requests" for one in (first, last))
    return f"USD a month against requests a month: from {' to '.join(ends)}"


def _swept(swept: Sweep) -> Mapping[str, Any]:
    """Return what stands beside the plot of requests, in words and in figures."""
    shown = [one for place, one in enumerate(swept.points) if place % plots.STEPS_OF_TEN == 0]
    return {
        "rows": [(plots.many(float(one.requests)), *map(report.dollars, _levels(one))) for one in shown],
        "stated": None if swept.stated is None else f"{swept.stated:,.0f}",
        "called": swept.called,
        "is_flat": not any(one.by_requests for one in swept.points),
        "left_out": swept.left_out,
    }


def _levels(point: Point) -> tuple[Decimal, ...]:
    return point.fixed, point.other, point.by_requests, point.total


def _amounts(part: Split) -> Mapping[str, str]:
    """Return a split's amounts in words."""
    fixed, per_use = report.dollars(part.fixed), report.dollars(part.per_use)
    return {
        "fixed": f"at least {fixed}" if part.is_fixed_unknown else fixed,
        "per_use": f"at least {per_use}" if part.is_per_use_unknown else per_use,
        "total": plots.amount(part),
    }


def _split_rows(parts: Mapping[str, Split]) -> list[Mapping[str, str]]:
    return [{"name": name, **_amounts(one)} for name, one in parts.items()]


def _sources(charges: Sequence[Charge]) -> Mapping[str, int]:
    """Return the prices' sources, numbered from 1 as they come."""
    told = dict.fromkeys(one.price.source for one in report.ordered(tuple(charges)) if one.price)
    return {source: number for number, source in enumerate(told, start=1)}


def _source(number: int, told: str) -> Mapping[str, Any]:
    """Return a source; one that begins with an address leads there."""
    match = ADDRESS.match(told)
    address = match[0] if match else ""
    return {"number": number, "address": address, "text": told.removeprefix(address)}


def _group(stage: str, part: Split, estimated: Estimate, sources: Mapping[str, int]) -> Mapping[str, Any]:
    """Return a stage's lines under its sum."""
    lines = [one for one in (*estimated.charges, *estimated.unknown) if one.stage == stage]
    with exactly():
        total = sum((one.monthly_usd or Decimal(0) for one in lines), Decimal(0))
    return {
        "stage": stage,
        "amount": plots.amount(part),
        "exact": text(total),
        "lines": list(_lines(lines, sources)),
    }


def _lines(charges: Sequence[Charge], sources: Mapping[str, int]) -> Iterator[Mapping[str, Any]]:
    for one in charges:
        row: dict[str, str | int] = {
            "resource": one.urn.rsplit("::", 1)[-1],
            "what": one.what,
            "service": one.service,
            "sku": one.sku,
            "quantity": "" if one.quantity is None else report.short(one.quantity),
            "unit": one.unit,
            "reason": one.unknown,
        }
        if one.price is not None and one.monthly_usd is not None:
            row |= {
                "price": text(one.price.price),
                "amount": report.dollars(one.monthly_usd),
                "exact": text(one.monthly_usd),
                "date": one.price.date,
                "confidence": one.price.confidence,
                "source": sources[one.price.source],
            }
        yield row


def _figure(path: str, estimated: Estimate) -> Mapping[str, Any]:
    figure = estimated.figures[path]
    return {
        "path": path,
        "value": "unknown" if figure.value is None else text(figure.value),
        "is_unknown": figure.value is None,
        "is_assumed": figure.is_assumed,
        "meaning": _meaning(path),
    }


def _meaning(path: str) -> str:
    """Return what a figure means, by its path in the usage file."""
    part, name = path.split(".", 1)[0], path.rsplit(".", 1)[-1]
    owner = usage.Model if part == "models" else type(getattr(usage.Usage(), part))
    return (owner.model_fields[name].description or "").rsplit(": a number", 1)[0]
