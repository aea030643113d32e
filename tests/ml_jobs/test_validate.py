"""Protects the data contract: each kind of breach is found and named by column, check and number of rows."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml_jobs import command
from ml_jobs import validate as job
from ml_jobs.artifacts import read_json
from ml_jobs.errors import DataContractError, JobError
from ml_jobs.use_cases import UseCase

Change = Callable[[pd.DataFrame], pd.DataFrame]


def _set(column: str, value: str | float, rows: int) -> Change:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[table.index[:rows], column] = value
        return table

    return change


BREACHES: dict[str, tuple[Change, str]] = {
    "out of range": (_set("humid", 250.0, 3), r"column humid: in_range\(0, 100\) fails in 3 rows .*250"),
    "unknown origin": (_set("origin", "BOS", 2), r"column origin: isin.* fails in 2 rows .*BOS"),
    "missing number": (_set("distance", np.nan, 4), r"column distance: not_nullable fails in 4 rows"),
    "too many missing": (
        lambda table: table.assign(temp=np.nan),
        r"column temp: at most 5% missing fails in \d{4,} rows",
    ),
    "twice the same event": (
        lambda table: pd.concat([table, table.head(1)], ignore_index=True),
        r"column event_id: field_uniqueness fails in 2 rows",
    ),
    "a leak": (lambda table: table.assign(dep_delay=1.0), r"column dep_delay: column_in_schema fails"),
    "a column gone": (lambda table: table.drop(columns="visib"), r"column visib: column_in_dataframe fails"),
    "another type": (lambda table: table.assign(late=table["late"] == 1), r"column late: dtype\('int64'\) fails"),
    "a test row in training": (_set("part", "heldout", 5), r"part is not that of the month fails in 5 rows"),
}


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_named(name: str, table: pd.DataFrame, use_case: UseCase, tmp_path: Path) -> None:
    change, message = BREACHES[name]
    change(table.copy()).to_parquet(tmp_path / "features.parquet", index=False)
    with pytest.raises(DataContractError, match=message):
        job.validate(use_case, tmp_path, tmp_path)
    report = read_json(tmp_path / "validation.json")
    assert report["passed"] is False
    assert report["failures"]


def test_several_breaches_are_told_at_once(table: pd.DataFrame, use_case: UseCase, tmp_path: Path) -> None:
    changed = _set("humid", 250.0, 3)(_set("origin", "BOS", 2)(table.copy()))
    found = {breach["column"]: breach["rows"] for breach in job.breaches(use_case, changed)}
    assert found == {"humid": 3, "origin": 2}


def test_real_data_passes(features: Path, use_case: UseCase, tmp_path: Path) -> None:
    rows = job.validate(use_case, features, tmp_path)
    report = read_json(tmp_path / "validation.json")
    assert report["passed"] is True
    assert report["rows"] == rows > 10_000


def test_the_job_ends_with_1_and_one_line(
    table: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table.assign(dep_delay=1.0).to_parquet(tmp_path / "features.parquet", index=False)
    arguments = ["--features", str(tmp_path), "--report", str(tmp_path / "report"), "--use-case", "flight_delays"]
    assert command.run(job.main, arguments) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("error: the data breaks its contract: column dep_delay")


def test_no_features_is_told(use_case: UseCase, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="run ingest first"):
        job.validate(use_case, tmp_path, tmp_path)
