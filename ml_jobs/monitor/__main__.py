"""Monitor: compares what an endpoint was asked and answered with its model's baseline, and says what moved.

It ends with 0 whenever there is a report, whatever the report says: `status` in drift.json is ok, drift or unknown.
"""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml_jobs import artifacts, baseline, command
from ml_jobs.errors import JobError
from ml_jobs.monitor import report
from ml_jobs.monitor.captured import PROBABILITY, VERSION, Tally, Window, read_captured
from ml_jobs.monitor.labels import read_labels
from ml_jobs.monitor.thresholds import read_thresholds
from ml_jobs.settings import container_path
from ml_jobs.use_cases import UseCase

log = logging.getLogger("ml_jobs.monitor")
REPORT = "drift.json"


@dataclass(frozen=True)
class MonitorRequest:
    """What to compare.

    Attributes:
        baseline: the folder that training left beside the model.
        captured: a folder of captured JSON lines, in any subfolders.
        labels: a folder of labels; None where there are none yet.
        window: whose requests.
        version: the model version that the baseline is of; requests that another one answered are left out. None: all.
    """

    baseline: Path
    captured: Path
    labels: Path | None
    window: Window
    version: str | None = None


def monitor(case: UseCase, request: MonitorRequest, output: Path) -> dict[str, Any]:
    """Write drift.json, statistics.json and constraint_violations.json into `output`; return the report.

    Raises:
        JobError: the thresholds are wrong, or there is no baseline or no file of labels that can be read.
    """
    thresholds = read_thresholds(case.monitor, (*case.features, PROBABILITY))
    reference = read_reference(request.baseline, case)
    labels = read_labels(request.labels, case)
    tally = Tally()
    rows = read_captured(request.captured, case, request.window, tally)
    others = rows[VERSION] != request.version if request.version else pd.Series(False, index=rows.index)
    rows = rows[~others].reset_index(drop=True)
    rows[case.label] = rows[case.event_id].map(labels.by_event)
    content = report.assemble(rows, reference, case, thresholds, request.window, tally)
    content["captured"] |= {"other_versions": int(others.sum()), "used": len(rows)}
    content["labels"] = {"n": len(labels.by_event), "refused": labels.refused, "doubled": labels.doubled}
    content |= {"use_case": case.name, "model_version": request.version}
    content["baseline"] = {"sha256": artifacts.file_sha256(request.baseline / artifacts.REFERENCE), "n": len(reference)}
    artifacts.write_json(output / REPORT, content)
    artifacts.write_json(output / artifacts.STATISTICS, baseline.statistics(rows, case.categories, case.numbers))
    artifacts.write_json(output / "constraint_violations.json", report.violations(content))
    drifting = [row["name"] for row in content["data"]["columns"] if row["status"] == "drift"]
    log.info("%s: %d rows, drifting: %s", content["status"], len(rows), ", ".join(drifting) or "none")
    return content


def read_reference(folder: Path, case: UseCase) -> pd.DataFrame:
    """Return the rows that the model was trained and tested on.

    Raises:
        JobError: there is none, or it is of other features.
    """
    path = folder / artifacts.REFERENCE
    try:
        table = pd.read_parquet(path)
    except FileNotFoundError as error:
        raise JobError(f"{path} is missing; train the model again, which writes it") from error
    except (ValueError, OSError) as error:
        raise JobError(f"{path} cannot be read: {error}") from error
    lacking = [name for name in ("part", PROBABILITY, case.label, *case.features) if name not in table]
    if lacking:
        raise JobError(f"{path} lacks {', '.join(lacking)}: it is the baseline of another model")
    return table.astype(dict.fromkeys(case.numbers, np.float64))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def arguments() -> argparse.ArgumentParser:
    """Return the job's parser."""
    made = command.parser(
        "monitor",
        __doc__ or "",
        baseline="the folder `baseline` that train wrote with the model",
        captured="directory of what the endpoint captured",
        output="directory to write drift.json into",
    )
    made.add_argument("--labels", metavar="DIR", type=container_path, help="directory of labels, as CSV or Parquet")
    made.add_argument("--from", dest="start", metavar="TIME", type=_moment, required=True, help="ISO 8601; UTC if bare")
    made.add_argument("--until", dest="end", metavar="TIME", type=_moment, required=True, help="the first moment after")
    made.add_argument("--model-version", metavar="N", help="leave out what another version answered")
    return made


def main(argv: Sequence[str]) -> None:
    """Run the job with command line arguments."""
    given = arguments().parse_args(argv)
    if given.start >= given.end:
        raise JobError(f"--from {given.start.isoformat()} is not before --until {given.end.isoformat()}")
    window = Window(given.start, given.end)
    request = MonitorRequest(given.baseline, given.captured, given.labels, window, given.model_version)
    monitor(command.use_case_of(given), request, given.output)


if __name__ == "__main__":
    raise SystemExit(command.run(main))
