"""Protects the honesty of the features: nothing known only after departure, a split by time, stable event ids."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml_jobs.artifacts import read_json
from ml_jobs.errors import JobError
from ml_jobs.ingest import ingest
from ml_jobs.use_cases import UseCase, load, names
from ml_jobs.use_cases.flight_delays.columns import LEAKS


def test_features_do_not_change_when_everything_after_departure_does(
    raw: Path, use_case: UseCase, table: pd.DataFrame, tmp_path: Path
) -> None:
    """A feature that used a delay or an actual time would change with them; the label may."""
    changed = tmp_path / "raw"
    shutil.copytree(raw, changed)
    flights = pd.read_csv(raw / "flights.csv")
    flown = flights["arr_delay"].notna()
    for name in LEAKS:
        flights.loc[flown, name] = np.arange(int(flown.sum())) % 1000
    flights.to_csv(changed / "flights.csv", index=False)
    rebuilt = use_case.build(changed).frame
    columns = ["event_id", "part", *use_case.features]
    pd.testing.assert_frame_equal(rebuilt[columns], table[columns])
    assert (rebuilt["late"] != table["late"]).any()


def test_no_feature_carries_a_leak_by_name(use_case: UseCase) -> None:
    assert not set(use_case.features) & {*LEAKS, "late", "part", "month"}


def test_parts_follow_one_another_in_time(table: pd.DataFrame) -> None:
    months = {part: set(rows["month"]) for part, rows in table.groupby("part")}
    assert months == {"train": {1, 2, 3, 4, 5, 6}, "test": {7, 8}, "heldout": {9, 10}, "later": {11, 12}}


def test_event_ids_are_unique_and_readable(table: pd.DataFrame) -> None:
    assert table["event_id"].is_unique
    assert table["event_id"].str.fullmatch(r"2013-\d\d-\d\d-\w\w-\d+-(EWR|JFK|LGA)-\d{4}").all()


def test_label_is_more_than_15_minutes_late(raw: Path, table: pd.DataFrame) -> None:
    flights = pd.read_csv(raw / "flights.csv").dropna(subset=["arr_delay"])
    assert int(table["late"].sum()) == int((flights["arr_delay"] > 15).sum())
    assert len(table) == len(flights)


def test_equal_inputs_give_equal_bytes_and_lineage_names_them(
    raw: Path, features: Path, use_case: UseCase, tmp_path: Path
) -> None:
    again = ingest(use_case, raw, tmp_path)
    assert (tmp_path / "features.parquet").read_bytes() == (features / "features.parquet").read_bytes()
    lineage = read_json(tmp_path / "lineage.json")
    assert sorted(lineage["inputs"]) == sorted(use_case.raw_files)
    assert lineage["features"]["sha256"] == again.sha256
    assert lineage["counts"]["flights"] - lineage["counts"]["no_outcome"] == lineage["counts"]["rows"]
    assert any("forecast" in note for note in lineage["notes"])


def test_an_impossible_wind_is_missing(table: pd.DataFrame) -> None:
    """The raw file has a reading of 1048 miles an hour."""
    assert table["wind_speed"].max() < 231


def test_missing_files_are_all_named(use_case: UseCase, tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"lacks flights\.csv, weather\.csv, planes\.csv"):
        ingest(use_case, tmp_path, tmp_path / "out")


def test_a_file_without_its_columns_is_named(raw: Path, use_case: UseCase, tmp_path: Path) -> None:
    broken = tmp_path / "raw"
    shutil.copytree(raw, broken)
    (broken / "planes.csv").write_text("a,b\n1,2\n")
    with pytest.raises(JobError, match=r"planes\.csv cannot be read"):
        ingest(use_case, broken, tmp_path / "out")


def test_unknown_use_case_lists_those_there_are() -> None:
    assert names() == ["flight_delays"]
    with pytest.raises(JobError, match="there are: flight_delays"):
        load("flight_delay")
