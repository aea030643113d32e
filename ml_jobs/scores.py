"""The metrics of a probability forecast, computed in one place for training, test, held-out months and slices."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from ml_jobs.matrix import Vector

Labels = npt.NDArray[np.int64]
Scores = dict[str, float | int | None]
# What govern's rules may name.
METRICS = ("auc", "log_loss", "brier", "accuracy", "precision", "recall", "base_rate", "n")


def score(labels: Labels, predicted: Vector, *, threshold: float) -> Scores:
    """Return the metrics; one that is not defined (AUC with one class, precision without positives) is None.

    Args:
        labels: 0 or 1.
        predicted: probabilities of 1.
        threshold: the probability from which a prediction is positive, for accuracy, precision and recall.
    """
    count = len(labels)
    if count == 0:
        return dict.fromkeys(METRICS) | {"n": 0}
    positive = predicted >= threshold
    hits = int((positive & (labels == 1)).sum())
    return {
        "auc": float(roc_auc_score(labels, predicted)) if 0 < labels.sum() < count else None,
        "log_loss": float(log_loss(labels, predicted, labels=[0, 1])),
        "brier": float(brier_score_loss(labels, predicted)),
        "accuracy": float((positive == (labels == 1)).mean()),
        "precision": _share(hits, int(positive.sum())),
        "recall": _share(hits, int(labels.sum())),
        "base_rate": float(labels.mean()),
        "n": count,
    }


def slices(values: npt.NDArray[Any], labels: Labels, predicted: Vector, *, threshold: float) -> dict[str, Scores]:
    """Return the metrics of each value of a column, sorted by value."""
    found: dict[str, Scores] = {}
    for value in sorted(set(values)):
        rows = values == value
        found[str(value)] = score(labels[rows], predicted[rows], threshold=threshold)
    return found


def defined(metrics: Scores, prefix: str) -> dict[str, float]:
    """Return the metrics that have a value, each named `<prefix>_<metric>`, as a tracking server takes them."""
    return {f"{prefix}_{name}": float(value) for name, value in metrics.items() if value is not None}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
