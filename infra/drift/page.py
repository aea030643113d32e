"""Drift reports as one HTML page, as templates/drift.html takes them: the answer first, then infra, data, quality."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.drift import plots
from infra.drift.infrastructure import shown
from infra.drift.report import WORST_FIRST, Finding, Report, worst
from infra.drift.view import ANSWERS
from infra.engine.events import short
from infra.pages.frame import render

TEMPLATE = Path(__file__).parent / "templates" / "drift.html"
DRAWN = 8
"""So many columns of a model are drawn, those that moved most first; the table has all."""


def page(reports: Sequence[Report]) -> str:
    """Return the page of one or several environments."""
    status = worst(one.status for one in reports)
    return render(
        TEMPLATE,
        status=status,
        answer=ANSWERS[status],
        names=[one.environment for one in reports],
        reports=[_report(number, one) for number, one in enumerate(reports)],
    )


def _report(number: int, report: Report) -> Mapping[str, Any]:
    return {
        "environment": report.environment,
        "cloud": report.cloud,
        "at": f"{report.at:%Y-%m-%d %H:%M} UTC",
        "parts": [{"name": name, "status": one.status, "told": one.told} for name, one in report.parts.items()],
        "infra": [_infra(one) for one in report.infra.findings],
        "said": [one.told for part in (report.data, report.quality) for one in part.findings if one.kind == "unjudged"],
        "models": [_model(f"e{number}m{at}", *one) for at, one in enumerate(sorted(report.models.items()))],
        "fixes": report.fixes,
    }


def _infra(finding: Finding) -> Mapping[str, str]:
    values = finding.values
    if "property" not in values:
        return {"kind": finding.kind, "what": finding.told, "property": "", "expected": "", "actual": ""}
    sides = {"expected": shown(values["expected"]), "actual": shown(values["actual"])}
    return {"kind": finding.kind, "what": short(finding.about), "property": values["property"], **sides}


def _model(name: str, model: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
    quality, window = content["quality"], content["window"]
    return {
        "name": model,
        "version": content["model_version"],
        "window": f"{window['from'][:16].replace('T', ' ')} to {window['until'][:16].replace('T', ' ')} UTC",
        "captured": {key.replace("_", " "): count for key, count in content["captured"].items() if count},
        "columns": [_column(row) for row in sorted(content["data"]["columns"], key=_by_distance)],
        "schema": content["data"]["schema"],
        "drawings": list(_drawings(name, content["data"]["columns"])),
        "quality": quality,
        "over_time": plots.over_time(quality, f"{name}-quality"),
    }


def _by_distance(row: Mapping[str, Any]) -> tuple[int, float]:
    order = (*WORST_FIRST, "ignored")
    return order.index(row["status"]), -row.get("distance", 0.0)


def _column(row: Mapping[str, Any]) -> Mapping[str, Any]:
    measured = "distance" in row
    return {
        **row,
        "measured": f"{row['distance']:.4f}" if measured else "",
        "p": (f"{row['p_value']:.2g}" if row["p_value"] > 0 else "< 1e-300") if measured else "",
        "n": f"{row['n_reference']:,} / {row['n_current']:,}",
        "missing": f"{row['missing_reference']:.1%} / {row['missing_current']:.1%}",
    }


def _drawings(name: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, str]]:
    """Yield the plots of the columns that moved most."""
    drawable = [row for row in sorted(rows, key=_by_distance) if row.get("distribution")]
    for at, row in enumerate(drawable[:DRAWN]):
        draw = plots.categories if "categories" in row["distribution"] else plots.numbers
        yield {"name": row["name"], "status": row["status"], "reason": row["reason"], "svg": draw(row, f"{name}c{at}")}
