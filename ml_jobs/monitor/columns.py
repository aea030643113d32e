"""One column against its reference: what was measured, and the verdict with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from ml_jobs.monitor import measures
from ml_jobs.monitor.measures import Measured
from ml_jobs.monitor.thresholds import Thresholds

Status = Literal["ok", "drift", "unknown", "ignored"]


@dataclass(frozen=True)
class Sides:
    """What both samples hold of one column.

    Attributes:
        n_reference, n_current: rows, with and without a value.
        missing_reference, missing_current: the shares of rows without one.
        unseen: categories that the reference never had, with how many rows have them.
        measured: None where one side has no value at all.
    """

    n_reference: int
    n_current: int
    missing_reference: float
    missing_current: float
    unseen: Mapping[str, int]
    measured: Measured | None

    @property
    def unseen_share(self) -> float:
        """Return the share of current rows with a category that the reference never had."""
        return sum(self.unseen.values()) / self.n_current if self.n_current else 0.0


@dataclass(frozen=True)
class Verdict:
    """A column's status, and why, with the numbers."""

    status: Status
    reason: str


WORDS = {
    "wasserstein_normed": "normed Wasserstein",
    "jensen_shannon": "Jensen-Shannon",
    "kolmogorov_smirnov": "Kolmogorov-Smirnov",
    "chi_square": "chi square",
}


def shown(p_value: float) -> str:
    """Return a p value as people read it; one that is too small for a float is not nothing."""
    return f"{p_value:.2g}" if p_value > 0 else "below 1e-300"


def number_sides(reference: "pd.Series[Any]", current: "pd.Series[Any]") -> Sides:
    """Measure a number on all its values."""
    there, here = (side.to_numpy(dtype=np.float64) for side in (reference, current))
    values = [side[np.isfinite(side)] for side in (there, here)]
    measured = measures.numbers(*values) if all(len(side) for side in values) else None
    missing = [
        1 - len(kept) / len(side) if len(side) else 0.0 for kept, side in zip(values, (there, here), strict=True)
    ]
    return Sides(len(there), len(here), missing[0], missing[1], {}, measured)


def category_sides(reference: "pd.Series[Any]", current: "pd.Series[Any]") -> Sides:
    """Measure a category on all its values."""
    counted = [{str(name): int(n) for name, n in side.value_counts().items()} for side in (reference, current)]
    unseen = {name: count for name, count in counted[1].items() if name not in counted[0]}
    measured = measures.categories(*counted) if all(counted) else None
    missing = [float(side.isna().mean()) if len(side) else 0.0 for side in (reference, current)]
    return Sides(len(reference), len(current), missing[0], missing[1], unseen, measured)


def judge(name: str, sides: Sides, thresholds: Thresholds, columns: int) -> Verdict:
    """Judge a column, one of `columns` that share the report's `alpha`."""
    special = thresholds.column(name)
    if special.ignore:
        return Verdict("ignored", special.why or "monitor.yaml says so")
    fewest = min(sides.n_reference, sides.n_current)
    if fewest < thresholds.min_rows:
        return Verdict("unknown", f"{fewest:,} rows are too few to judge; {thresholds.min_rows:,} are needed")
    grown = sides.missing_current - sides.missing_reference
    if grown > thresholds.missing:
        told = f"{sides.missing_current:.1%} of values are missing, {sides.missing_reference:.1%} in the reference"
        return Verdict("drift", f"{told}: more by {grown:.1%}, allowed are {thresholds.missing:.1%}")
    if sides.unseen_share > thresholds.unseen:
        return Verdict("drift", _unseen(sides, thresholds))
    if sides.measured is None:
        return Verdict("unknown", "one side has no value at all")
    return _judge_distance(sides.measured, special.distance, thresholds, columns)


def _unseen(sides: Sides, thresholds: Thresholds) -> str:
    most = sorted(sides.unseen, key=lambda name: (-sides.unseen[name], name))[:3]
    named = ", ".join(f"{name!r} ({sides.unseen[name]:,})" for name in most) + (
        ", ..." if len(sides.unseen) > 3 else ""
    )
    return (
        f"{sides.unseen_share:.1%} of rows hold {len(sides.unseen):,} unseen categories: {named}; "
        f"allowed are {thresholds.unseen:.1%}"
    )


def _judge_distance(measured: Measured, special: float | None, thresholds: Thresholds, columns: int) -> Verdict:
    allowed = float(special or getattr(thresholds, measured.statistic))
    alpha = thresholds.alpha / columns
    within = f" (within {measured.bound:.2g})" if measured.bound else ""
    told = f"{WORDS[measured.statistic]} {measured.distance:.4f}{within}"
    far = f"{told} is at least {allowed:g}"
    seen = f"{WORDS[measured.test]} p {shown(measured.p_value)}"
    if measured.distance < allowed:
        return Verdict("ok", f"{told} is below {allowed:g} ({seen})")
    if measured.p_value >= alpha:
        return Verdict("ok", f"{far}, which chance explains ({seen}, not below {alpha:.2g})")
    return Verdict("drift", f"{far} ({seen})")
