"""Ground truth, which arrives late: files of event ids and labels, joined to what was captured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ml_jobs.errors import JobError
from ml_jobs.use_cases import UseCase

READERS: Mapping[str, Callable[[Path], pd.DataFrame]] = {".csv": pd.read_csv, ".parquet": pd.read_parquet}


@dataclass(frozen=True)
class Labels:
    """The labels that came.

    Attributes:
        by_event: event id -> 0 or 1.
        refused: rows whose label is neither.
        doubled: rows of an event that a later row labels again; the last one holds.
    """

    by_event: "pd.Series[int]"
    refused: int
    doubled: int


def read_labels(folder: Path | None, case: UseCase) -> Labels:
    """Return the labels of a folder's CSV and Parquet files, which are read in the order of their names.

    Raises:
        JobError: a file cannot be read, or lacks the column of the event id or of the label.
    """
    found = sorted(folder.rglob("*")) if folder is not None else []
    tables = [_read(path, case) for path in found if path.suffix in READERS]
    empty = pd.DataFrame({case.event_id: pd.Series(dtype=str), case.label: pd.Series(dtype=np.float64)})
    table = pd.concat(tables, ignore_index=True) if tables else empty
    numbers = pd.to_numeric(table[case.label], errors="coerce")
    kept = table[numbers.isin((0, 1))]
    last = kept.drop_duplicates(case.event_id, keep="last").set_index(case.event_id)[case.label].astype(np.int64)
    return Labels(last, len(table) - len(kept), len(kept) - len(last))


def _read(path: Path, case: UseCase) -> pd.DataFrame:
    try:
        table = READERS[path.suffix](path)
    except (ValueError, OSError) as error:  # pyarrow's and pandas' errors of bad files are ValueErrors
        raise JobError(f"{path} cannot be read: {error}") from error
    missing = [name for name in (case.event_id, case.label) if name not in table]
    if missing:
        raise JobError(f"{path} lacks the column {' and '.join(missing)}; it has {', '.join(map(str, table.columns))}")
    return table[[case.event_id, case.label]].astype({case.event_id: str})
