"""The plots of a probability forecast: ROC and calibration, with axes from 0 to 1 and counts written out."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_auc_score, roc_curve

from ml_jobs.matrix import Vector
from ml_jobs.scores import Labels

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BINS = 10
_LINE = "#1f5fa8"
_REFERENCE = "#777777"


def draw(folder: Path, part: str, title: str, labels: Labels, predicted: Vector) -> list[Path]:
    """Write `roc_<part>.png` and `calibration_<part>.png` into a folder; return their paths.

    A ROC curve needs both classes: with one class alone it says so instead of showing a line.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"roc_{part}.png", folder / f"calibration_{part}.png"]
    _save(_roc(f"{title}, {part}", labels, predicted), paths[0])
    _save(_calibration(f"{title}, {part}", labels, predicted), paths[1])
    return paths


def _roc(title: str, labels: Labels, predicted: Vector) -> Figure:
    figure, axes = plt.subplots(figsize=(6, 6), layout="constrained")
    axes.plot([0, 1], [0, 1], "--", color=_REFERENCE, label="chance (AUC 0.5)")
    if 0 < labels.sum() < len(labels):
        false_positive, true_positive, _ = roc_curve(labels, predicted)
        auc = roc_auc_score(labels, predicted)
        axes.plot(false_positive, true_positive, color=_LINE, linewidth=2, label=f"model (AUC {auc:.3f})")
    else:
        axes.text(0.5, 0.5, "only one class in this part", ha="center")
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    axes.set_title(f"ROC: {title} (n = {len(labels):,})")
    axes.legend(loc="lower right")
    _unit_square(axes)
    return figure


def _calibration(title: str, labels: Labels, predicted: Vector) -> Figure:
    """Equal-count bins, and below them how many predictions lie where."""
    figure, (axes, below) = plt.subplots(2, 1, figsize=(6, 7.5), height_ratios=[4, 1], layout="constrained")
    axes.plot([0, 1], [0, 1], "--", color=_REFERENCE, label="perfectly calibrated")
    if len(labels):
        observed, forecast = calibration_curve(labels, predicted, n_bins=BINS, strategy="quantile")
        axes.plot(forecast, observed, "o-", color=_LINE, linewidth=2, label="model, bins of equal count")
        axes.axhline(float(labels.mean()), color=_REFERENCE, linestyle=":", label=f"base rate {labels.mean():.3f}")
    axes.set(xlabel="predicted probability", ylabel="observed share")
    axes.set_title(f"Calibration: {title} (n = {len(labels):,})")
    axes.legend(loc="upper left")
    _unit_square(axes)
    below.hist(predicted, bins=np.linspace(0, 1, 51), color=_LINE)
    below.set(xlim=(0, 1), xlabel="predicted probability", ylabel="rows")
    below.grid(alpha=0.3)
    return figure


def _unit_square(axes: Axes) -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.grid(alpha=0.3)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
