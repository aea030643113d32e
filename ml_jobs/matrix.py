"""The matrix that estimators get, in training from a table and in serving from JSON: one form for both."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml_jobs.errors import JobError
from ml_jobs.use_cases import UseCase

Matrix = npt.NDArray[np.object_]
Vector = npt.NDArray[np.float64]


class BadInstanceError(JobError):
    """An instance of a request cannot be predicted; `path` says where in the request's body."""

    def __init__(self, message: str, path: str) -> None:
        super().__init__(f"{path}: {message}")
        self.message = message
        self.path = path


def from_table(table: pd.DataFrame, use_case: UseCase) -> Matrix:
    """Return the features of a table, in the use case's order: categories as text, numbers as floats."""
    matrix = np.empty((len(table), len(use_case.features)), dtype=object)
    for position, name in enumerate(use_case.categories):
        matrix[:, position] = table[name].to_numpy(dtype=object)
    for position, name in enumerate(use_case.numbers, start=len(use_case.categories)):
        matrix[:, position] = table[name].to_numpy(dtype=np.float64)
    return matrix


def from_instances(instances: Sequence[Any], use_case: UseCase) -> Matrix:
    """Return the features of a request's instances; a number that is null counts as missing.

    Raises:
        BadInstanceError: an instance is no object, or a feature is missing, unknown or of the wrong type.
    """
    known = {use_case.event_id, *use_case.features}
    matrix = np.empty((len(instances), len(use_case.features)), dtype=object)
    for row, instance in enumerate(instances):
        place = f"instances[{row}]"
        if not isinstance(instance, dict):
            raise BadInstanceError("is no object", place)
        unknown = sorted(instance.keys() - known)
        if unknown:
            raise BadInstanceError(f"is no feature; there are {', '.join(use_case.features)}", f"{place}.{unknown[0]}")
        event = instance.get(use_case.event_id)
        if not isinstance(event, str) or not event:
            raise BadInstanceError("must be a text that is not empty", f"{place}.{use_case.event_id}")
        matrix[row] = [
            *(_category(instance, name, place) for name in use_case.categories),
            *(_number(instance, name, place) for name in use_case.numbers),
        ]
    return matrix


def _category(instance: dict[str, Any], name: str, place: str) -> str:
    value = instance.get(name)
    if not isinstance(value, str):
        raise BadInstanceError("must be a text" if name in instance else "is missing", f"{place}.{name}")
    return value


def _number(instance: dict[str, Any], name: str, place: str) -> float:
    if name not in instance:
        raise BadInstanceError("is missing", f"{place}.{name}")
    value = instance[name]
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInstanceError("must be a number or null", f"{place}.{name}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BadInstanceError("must be a finite number or null", f"{place}.{name}")
    return number


def probabilities(model: Any, matrix: Matrix) -> Vector:
    """Return the probability of the positive class for each row."""
    predicted: Vector = model.predict_proba(matrix)[:, 1]
    return predicted
