"""drift.json: schema, columns and quality, each with its verdict and the worst of them as the report's."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import pandas as pd

from ml_jobs.monitor import columns, distributions, quality
from ml_jobs.monitor.captured import PROBABILITY, Tally, Window
from ml_jobs.monitor.columns import Sides, Verdict
from ml_jobs.monitor.thresholds import Thresholds
from ml_jobs.use_cases import UseCase

SCHEMA = "stile.monitor/1"
# What drifts is said whatever else could not be judged.
WORST_FIRST = ("drift", "unknown", "ok")
# Names of Model Monitor's checks, by our finding.
# Source: Amazon SageMaker AI developer guide, "Schema for Violations (constraint_violations.json file)".
CHECKS = {
    "absent": "missing_column_check",
    "new": "extra_column_check",
    "wrong_type": "data_type_check",
    "not_finite": "data_type_check",
    "drift": "baseline_drift_check",
}


def worst(statuses: Iterable[str]) -> str:
    """Return the worst of some statuses; of none, unknown."""
    found = set(statuses) - {"ignored"}
    return next((status for status in WORST_FIRST if status in found), "unknown")


def compared(
    current: pd.DataFrame, reference: pd.DataFrame, case: UseCase, thresholds: Thresholds
) -> list[dict[str, Any]]:
    """Return a row per feature, then the model's output, each measured and judged.

    Args:
        current: the captured rows.
        reference: the baseline's rows, with `part`: features are compared with those of training, the output with that
            of the test months, as a model is surer of what it was trained on.
        case, thresholds: the use case and its thresholds.
    """
    trained, tested = (reference[reference["part"] == part] for part in ("train", "test"))
    sides = {name: columns.category_sides(trained[name], current[name]) for name in case.categories}
    sides |= {name: columns.number_sides(trained[name], current[name]) for name in case.numbers}
    sides[PROBABILITY] = columns.number_sides(tested[PROBABILITY], current[PROBABILITY])
    drawn = {name: distributions.of_categories(trained[name], current[name]) for name in case.categories}
    drawn |= {name: distributions.of_numbers(trained[name], current[name]) for name in case.numbers}
    drawn[PROBABILITY] = distributions.of_numbers(tested[PROBABILITY], current[PROBABILITY])
    judged = max(sum(not thresholds.column(name).ignore for name in sides), 1)
    rows = {name: _row(name, side, columns.judge(name, side, thresholds, judged)) for name, side in sides.items()}
    return [{**row, "distribution": drawn[name]} for name, row in rows.items()]


def schema(tally: Tally, thresholds: Thresholds) -> list[dict[str, Any]]:
    """Return what was wrong with columns as such; in more rows than `missing` allows it is drift."""
    kinds: dict[str, Counter[str]] = {
        "absent": tally.absent,
        "new": tally.unknown,
        "wrong_type": tally.wrong_type,
        "not_finite": tally.not_finite,
    }
    return [
        {
            "name": name,
            "finding": kind,
            "rows": count,
            "share": count / tally.rows,
            "status": "drift" if count / tally.rows > thresholds.missing else "ok",
        }
        for kind, counter in kinds.items()
        for name, count in sorted(counter.items())
    ]


def assemble(
    current: pd.DataFrame, reference: pd.DataFrame, case: UseCase, thresholds: Thresholds, window: Window, tally: Tally
) -> dict[str, Any]:
    """Return the parts `schema`, `data`, `quality` and `captured`, and the worst status of them."""
    rows = compared(current, reference, case, thresholds)
    tested = reference[reference["part"] == "test"]
    found = schema(tally, thresholds)
    judged = quality.judge(current, tested, case, window, thresholds.quality)
    data = worst([row["status"] for row in (*rows, *found)])
    return {
        "schema": SCHEMA,
        "status": worst([data, judged["status"]]),
        "window": {"from": window.start.isoformat(), "until": window.end.isoformat()},
        "path": "exact",
        "captured": _counted(tally),
        "data": {"status": data, "columns": rows, "schema": found},
        "quality": judged,
    }


def violations(content: dict[str, Any]) -> dict[str, Any]:
    """Return what drifts in the format of Model Monitor's constraint_violations.json."""
    drifting = [("drift", row["name"], row["reason"]) for row in content["data"]["columns"] if row["status"] == "drift"]
    drifting += [
        (
            row["finding"],
            row["name"],
            f"{row['finding'].replace('_', ' ')} in {row['rows']:,} rows ({row['share']:.1%})",
        )
        for row in content["data"]["schema"]
        if row["status"] == "drift"
    ]
    return {
        "violations": [
            {"feature_name": name, "constraint_check_type": CHECKS[kind], "description": told}
            for kind, name, told in drifting
        ]
    }


def _counted(tally: Tally) -> dict[str, Any]:
    return {name: value for name, value in asdict(tally).items() if isinstance(value, int)}


def _row(name: str, sides: Sides, verdict: Verdict) -> dict[str, Any]:
    measured = asdict(sides.measured) if sides.measured else {}
    return {
        "name": name,
        "status": verdict.status,
        "reason": verdict.reason,
        "n_reference": sides.n_reference,
        "n_current": sides.n_current,
        "missing_reference": sides.missing_reference,
        "missing_current": sides.missing_current,
        "unseen": dict(sorted(sides.unseen.items(), key=lambda item: (-item[1], item[0]))[:20]),
        "unseen_share": sides.unseen_share,
        **measured,
    }
