"""The rules of monitor.yaml: from where on a difference is drift, and how much must be there to judge at all."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ml_jobs.errors import JobError


class ThresholdsError(JobError):
    """The file of thresholds is missing or wrong; names every wrong place, what is there and what may be."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Column(_Strict):
    """What may differ in one column; what is not given is as for its kind.

    Attributes:
        distance: the least distance that is drift, in the unit of the kind's statistic.
        ignore: never judge it: it moves by its nature, as a calendar does.
        why: said beside the column.
    """

    distance: float | None = Field(default=None, gt=0)
    ignore: bool = False
    why: str = Field(default="", max_length=300)


class Quality(_Strict):
    """When the model's answers are worse.

    Attributes:
        auc_drop: how far AUC may fall below that of the test months.
        min_labels: fewer labelled events than this are not judged.
        min_coverage: nor is a smaller share of events with a label: those that come early are not like the others.
        window_days: the length of a window of the series over time.
    """

    auc_drop: float = Field(default=0.03, gt=0, lt=1)
    min_labels: int = Field(default=500, ge=2)
    min_coverage: float = Field(default=0.2, ge=0, le=1)
    window_days: int = Field(default=7, ge=1)


class Thresholds(_Strict):
    """All thresholds of a use case.

    Attributes:
        alpha: the share of reports that may call drift where there is none; it is shared among the columns, as
            Bonferroni did. A column drifts if the test says so AND the distance is large enough to matter.
        min_rows: fewer rows than this are not judged.
        wasserstein_normed, jensen_shannon: the least distances that are drift.
        missing: by how much the share of missing values may grow.
        unseen: which share of rows may hold categories that the reference never had.
        columns: what differs for single columns, by their names; `probability` is the model's output.
    """

    alpha: float = Field(default=0.01, gt=0, lt=1)
    min_rows: int = Field(default=500, ge=2)
    wasserstein_normed: float = Field(default=0.1, gt=0)
    jensen_shannon: float = Field(default=0.1, gt=0, le=0.8326)
    missing: float = Field(default=0.02, gt=0, le=1)
    unseen: float = Field(default=0.01, gt=0, le=1)
    quality: Quality = Quality()
    columns: dict[str, Column] = {}

    def column(self, name: str) -> Column:
        """Return what is special for a column."""
        return self.columns.get(name, Column())


def read_thresholds(path: Path, columns: tuple[str, ...]) -> Thresholds:
    """Return the thresholds of a file.

    Args:
        path: the file.
        columns: the columns that there are; others cannot have thresholds.

    Raises:
        ThresholdsError: there is no such file, it is no YAML, or thresholds are wrong: all are named at once.
    """
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ThresholdsError(f"{path} is missing: nothing is judged without thresholds") from error
    except yaml.YAMLError as error:
        raise ThresholdsError(f"{path} is no YAML: {error}") from error
    try:
        found = Thresholds.model_validate({} if content is None else content)
    except ValidationError as error:
        problems = [_problem(dict(detail)) for detail in error.errors(include_url=False)]
        raise ThresholdsError(f"{path} has {len(problems)} wrong: {'; '.join(problems)}") from error
    unknown = sorted(found.columns.keys() - set(columns))
    if unknown:
        raise ThresholdsError(f"{path}: columns.{unknown[0]}: is no column here; there are {', '.join(columns)}")
    return found


def _problem(detail: dict[str, Any]) -> str:
    place = ".".join(str(part) for part in detail["loc"])
    told = "is no key here" if detail["type"] == "extra_forbidden" else detail["msg"]
    shown = "" if isinstance(detail["input"], dict | list) else f" (found {detail['input']!r})"
    return f"{place or 'the file'}: {told}{shown}"
