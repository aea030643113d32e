"""Whether the answers are still right: AUC with its interval against the test months, over time and by slice."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from ml_jobs import scores
from ml_jobs.matrix import Vector
from ml_jobs.monitor.captured import PROBABILITY, TIME, Window
from ml_jobs.monitor.columns import Verdict
from ml_jobs.monitor.thresholds import Quality
from ml_jobs.scores import Labels
from ml_jobs.use_cases import UseCase

# Of a normal distribution, on each side of 95 %.
DEVIATIONS = 1.959964


@dataclass(frozen=True)
class Interval:
    """A value, and the ends of the interval that holds the true one 95 times out of 100."""

    value: float
    low: float
    high: float


def auc_interval(labels: Labels, predicted: Vector) -> Interval | None:
    """Return AUC with its interval; None where all labels are alike.

    Source: Hanley and McNeil, The meaning and use of the area under a ROC curve, Radiology 143 (1982).
    """
    positives, negatives = int(labels.sum()), int(len(labels) - labels.sum())
    if not positives or not negatives:
        return None
    auc = float(roc_auc_score(labels, predicted))
    both_positive, both_negative = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positives - 1) * (both_positive - auc**2) + (negatives - 1) * (both_negative - auc**2)
    reach = DEVIATIONS * float(np.sqrt(max(variance, 0.0) / (positives * negatives)))
    return Interval(auc, max(auc - reach, 0.0), min(auc + reach, 1.0))


def judge(
    rows: pd.DataFrame, reference: pd.DataFrame, case: UseCase, window: Window, allowed: Quality
) -> dict[str, Any]:
    """Return the quality part of the report.

    Args:
        rows: what was captured, with `case.label`, which is NaN where no label came.
        reference: the test months with label and probability.
        case: the use case.
        window: the report's.
        allowed: the thresholds.
    """
    labelled = rows[rows[case.label].notna() & rows[PROBABILITY].notna()]
    share = len(labelled) / len(rows) if len(rows) else 0.0
    baseline, current = _interval(reference, case), _interval(labelled, case)
    verdict = _verdict(len(labelled), share, baseline, current, allowed)
    return {
        "status": verdict.status,
        "reason": verdict.reason,
        "coverage": {"events": len(rows), "labelled": len(labelled), "share": share},
        "baseline": {"auc": _shown(baseline), "n": len(reference)},
        "metrics": _scored(labelled, case),
        "auc": _shown(current),
        "windows": _windows(labelled, case, window, allowed),
        "slices": _slices(labelled, reference, case, allowed),
    }


def _verdict(n: int, share: float, baseline: Interval | None, current: Interval | None, allowed: Quality) -> Verdict:
    if n < allowed.min_labels:
        return Verdict("unknown", f"{n:,} events have a label; {allowed.min_labels:,} are needed to judge")
    if share < allowed.min_coverage:
        return Verdict("unknown", f"{share:.1%} of events have a label; {allowed.min_coverage:.1%} are needed to judge")
    if baseline is None or current is None:
        return Verdict("unknown", "AUC is not defined: all labels are alike")
    told = f"AUC {current.value:.4f} ({current.low:.4f} to {current.high:.4f}, n {n:,})"
    beside = f"{baseline.value:.4f} in the test months"
    if _is_worse(current, baseline, allowed):
        return Verdict("drift", f"{told} against {beside}: worse by more than {allowed.auc_drop:g}")
    return Verdict("ok", f"{told} against {beside}: not surely worse by more than {allowed.auc_drop:g}")


def _is_worse(current: Interval, baseline: Interval, allowed: Quality) -> bool:
    """Say whether it fell further than allowed, and chance does not explain that it fell."""
    return current.value < baseline.value - allowed.auc_drop and current.high < baseline.low


def _interval(rows: pd.DataFrame, case: UseCase) -> Interval | None:
    return auc_interval(rows[case.label].to_numpy(dtype=np.int64), rows[PROBABILITY].to_numpy(dtype=np.float64))


def _scored(rows: pd.DataFrame, case: UseCase) -> scores.Scores:
    labels, predicted = rows[case.label].to_numpy(dtype=np.int64), rows[PROBABILITY].to_numpy(dtype=np.float64)
    return scores.score(labels, predicted, threshold=case.threshold)


def _windows(labelled: pd.DataFrame, case: UseCase, window: Window, allowed: Quality) -> list[dict[str, Any]]:
    """Return the series over time; a window of few labels is there, and says so by its n and its interval."""
    length = pd.Timedelta(days=allowed.window_days)
    start = pd.Timestamp(window.start)
    places = ((labelled[TIME] - start) // length).astype(np.int64)
    found = []
    for place, rows in labelled.groupby(places, sort=True):
        begin = start + int(str(place)) * length
        end = min(begin + length, pd.Timestamp(window.end))
        span = {"from": begin.isoformat(), "until": end.isoformat()}
        found.append({**span, "n": len(rows), "auc": _shown(_interval(rows, case))})
    return found


def _slices(labelled: pd.DataFrame, reference: pd.DataFrame, case: UseCase, allowed: Quality) -> list[dict[str, Any]]:
    """Return each slice's AUC then and now, and whether what moved hurt it."""
    found = []
    before = dict(list(reference.groupby(case.slice_by)))
    for name, rows in sorted(dict(list(labelled.groupby(case.slice_by))).items()):
        then = _interval(before[name], case) if name in before else None
        now = _interval(rows, case)
        judged = then is not None and now is not None and len(rows) >= allowed.min_labels
        hurt = judged and then is not None and now is not None and _is_worse(now, then, allowed)
        counts = {"n": len(rows), "n_reference": len(before.get(name, ()))}
        status = ("drift" if hurt else "ok") if judged else "unknown"
        found.append({"slice": str(name), "status": status, **counts, "auc": _shown(now), "reference": _shown(then)})
    return found


def _shown(interval: Interval | None) -> dict[str, float] | None:
    return None if interval is None else asdict(interval)
