"""One package per use case: its data, features, candidates and rules; this file finds them and says what they offer."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_jobs.errors import JobError

if TYPE_CHECKING:
    import pandas as pd
    from pandera.pandas import DataFrameSchema

PARTS = ("train", "test", "heldout", "later")


@dataclass(frozen=True)
class Features:
    """What a use case makes of its raw files.

    Attributes:
        frame: one row per event, in the order of time: event id, `part`, label and features.
        counts: row counts on the way, by what they count; kept in the lineage.
        notes: what was assumed or left out, in plain sentences; kept in the lineage.
    """

    frame: "pd.DataFrame"
    counts: dict[str, int]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class UseCase:
    """Everything that the jobs ask of a use case.

    Attributes:
        name: the package's name.
        candidates: names of the estimators that compete.
        raw_files: files that ingest reads.
        event_id, label: columns of the feature table.
        positive: what a positive prediction is called in the answers of serving.
        threshold: the probability from which a prediction is positive.
        slice_by: the column whose values are the slices of the evaluation.
        categories, numbers: the feature columns, in the order in which estimators get them.
        build: raw directory -> features.
        contract: the feature table's data contract.
        estimator: (candidate, seed) -> an unfitted scikit-learn estimator. It must predict a row alike whatever rows
            are beside it: serving predicts those of several requests together.
        rules: the file of the business rules.
        monitor: the file of the monitor's thresholds.
    """

    name: str
    candidates: tuple[str, ...]
    raw_files: tuple[str, ...]
    event_id: str
    label: str
    positive: str
    threshold: float
    slice_by: str
    categories: tuple[str, ...]
    numbers: tuple[str, ...]
    build: Callable[[Path], Features]
    contract: "Callable[[], DataFrameSchema]"
    estimator: Callable[[str, int], Any]
    rules: Path
    monitor: Path

    @property
    def features(self) -> tuple[str, ...]:
        """Return the names of the features, in the estimators' order."""
        return self.categories + self.numbers


def names() -> list[str]:
    """Return the names of all use cases."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)


def load(name: str) -> UseCase:
    """Return a use case; imports its package.

    Raises:
        JobError: there is no such use case.
    """
    if name not in names():
        raise JobError(f"no use case {name!r} in ml_jobs/use_cases; there are: {', '.join(names())}")
    found: UseCase = importlib.import_module(f"{__name__}.{name}.definition").USE_CASE
    return found
