"""Captured files and baselines made of real flights, for the monitor's tests."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from ml_jobs.monitor.captured import Window
from ml_jobs.use_cases import UseCase

START = datetime(2014, 1, 1, tzinfo=UTC)
WINDOW = Window(START, datetime(2014, 2, 1, tzinfo=UTC))
VERSION = "3"


def line(instances: list[dict[str, Any]], probabilities: list[float], moment: datetime, version: str = VERSION) -> str:
    """Return a line of the layout that both clouds share."""
    answer = {
        "predictions": [{"probability": value, "late": value >= 0.3} for value in probabilities],
        "model": {"name": "flights", "version": version, "sha256": "0" * 64},
    }
    sides = {"endpointInput": {"instances": instances}, "endpointOutput": answer}
    content = {
        "captureData": {side: {"data": json.dumps(data), "encoding": "JSON"} for side, data in sides.items()},
        "eventMetadata": {"eventId": "e", "inferenceTime": moment.strftime("%Y-%m-%dT%H:%M:%SZ")},
        "eventVersion": "0",
    }
    return json.dumps(content)


def instances_of(rows: pd.DataFrame, case: UseCase) -> list[dict[str, Any]]:
    """Return the instances that a client would send; a missing number is null."""
    records = rows[[case.event_id, *case.features]].astype(object)
    found = records.where(records.notna(), None).to_dict("records")
    return [{str(name): value for name, value in each.items()} for each in found]


def write(folder: Path, lines: Iterable[str], hour: str = "2014/01/01/00", name: str = "a.jsonl") -> Path:
    """Write lines where an endpoint would; return the folder of all captures."""
    place = folder / "endpoint" / "variant" / hour
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_text("".join(f"{each}\n" for each in lines))
    return folder


def capture(folder: Path, rows: pd.DataFrame, case: UseCase, *, version: str = VERSION, per_line: int = 20) -> Path:
    """Write rows with a probability as captures, spread over the window."""
    span = (WINDOW.end - WINDOW.start) / max(len(rows), 1)
    instances, values = instances_of(rows, case), rows["probability"].tolist()
    starts = range(0, len(rows), per_line)
    lines = [
        line(instances[at : at + per_line], values[at : at + per_line], START + at * span, version) for at in starts
    ]
    return write(folder, lines)


def baseline(folder: Path, rows: pd.DataFrame) -> Path:
    """Write rows with a probability as the reference of both parts."""
    folder.mkdir(parents=True, exist_ok=True)
    both = pd.concat([rows.assign(part=part) for part in ("train", "test")], ignore_index=True)
    both.to_parquet(folder / "reference.parquet", index=False)
    return folder


def column(report: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a column's row of a report."""
    found: dict[str, Any] = next(row for row in report["data"]["columns"] if row["name"] == name)
    return found
