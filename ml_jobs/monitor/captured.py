"""What an endpoint captured, read as rows; a file that holds anything else costs its bad lines, never the report."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml_jobs.use_cases import UseCase

PROBABILITY = "probability"
TIME = "time"
VERSION = "version"
PATTERN = "**/*.jsonl"


@dataclass
class Tally:
    """What came in and what of it could not be used.

    Attributes:
        files, lines, rows: what was read: a line is a request, which holds one row or many.
        broken_lines: lines that are no JSON or not of the layout: a file cut in the middle has one.
        outside: rows whose time is not within the window: clocks disagree, or the folder of the hour is next to it.
        absent, unknown, wrong_type, not_finite: by column, in how many rows it was not there, was there and is no
            feature, was of another type, or was NaN or infinite.
    """

    files: int = 0
    lines: int = 0
    rows: int = 0
    broken_lines: int = 0
    outside: int = 0
    absent: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    wrong_type: Counter[str] = field(default_factory=Counter)
    not_finite: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Window:
    """A span of time: from the first moment on, until before the last."""

    start: datetime
    end: datetime

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


def read_captured(folder: Path, case: UseCase, window: Window, tally: Tally) -> pd.DataFrame:
    """Return the rows of a window: event id, time, version, probability and the features; fills the tally.

    What a cell cannot hold is missing in it: a category that is no text, a number that is none or not finite.
    """
    columns = [case.event_id, TIME, VERSION, PROBABILITY, *case.features]
    rows = [[row[name] for name in columns] for row in _rows(folder, case, window, tally)]
    frame = pd.DataFrame(rows, columns=columns)
    for name in (PROBABILITY, *case.numbers):
        frame[name] = frame[name].astype(np.float64)
    frame[TIME] = pd.to_datetime(frame[TIME], utc=True)
    return frame


def _rows(folder: Path, case: UseCase, window: Window, tally: Tally) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob(PATTERN)):
        tally.files += 1
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.strip():
                    tally.lines += 1
                    yield from _of_line(line, case, window, tally)


def _of_line(line: str, case: UseCase, window: Window, tally: Tally) -> Iterator[dict[str, Any]]:
    try:
        instances, predictions, moment, version = _opened(line)
    except (ValueError, KeyError, TypeError, AttributeError):
        tally.broken_lines += 1
        return
    if moment not in window:
        tally.outside += len(instances)
        return
    for instance, prediction in zip(instances, predictions, strict=True):
        tally.rows += 1
        row: dict[str, Any] = {name: _category(instance, name, tally) for name in case.categories}
        row |= {name: _number(instance, name, tally) for name in case.numbers}
        row[PROBABILITY] = _number(prediction, PROBABILITY, tally)
        tally.unknown.update(instance.keys() - {case.event_id, *case.features})
        yield {**row, case.event_id: str(instance.get(case.event_id)), TIME: moment, VERSION: version}


def _opened(line: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]], datetime, str]:
    """Return a line's instances, predictions, moment and model version; any error says that it is broken."""
    content = json.loads(line)
    instances = json.loads(content["captureData"]["endpointInput"]["data"])["instances"]
    answer = json.loads(content["captureData"]["endpointOutput"]["data"])
    predictions = answer["predictions"]
    if len(instances) != len(predictions) or not all(isinstance(each, dict) for each in (*instances, *predictions)):
        raise ValueError("requests and answers do not match")
    moment = datetime.fromisoformat(content["eventMetadata"]["inferenceTime"])
    version = answer.get("model", {}).get("version")
    return instances, predictions, moment if moment.tzinfo else moment.replace(tzinfo=UTC), str(version or "")


def _category(instance: dict[str, Any], name: str, tally: Tally) -> str | None:
    value = _present(instance, name, tally)
    if value is None or isinstance(value, str):
        return value
    tally.wrong_type[name] += 1
    return None


def _number(instance: dict[str, Any], name: str, tally: Tally) -> float:
    value = _present(instance, name, tally)
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        tally.wrong_type[name] += 1
        return math.nan
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        tally.not_finite[name] += 1
        return math.nan
    return number


def _present(instance: dict[str, Any], name: str, tally: Tally) -> Any:
    if name not in instance:
        tally.absent[name] += 1
    return instance.get(name)
