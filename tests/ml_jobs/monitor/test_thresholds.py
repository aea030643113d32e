"""Protects monitor.yaml: every wrong place is named, with what is there."""

from pathlib import Path

import pytest

from ml_jobs.monitor.thresholds import ThresholdsError, read_thresholds
from ml_jobs.use_cases import UseCase

COLUMNS = ("carrier", "temp")


def test_the_use_cases_own_file_can_be_read(use_case: UseCase) -> None:
    found = read_thresholds(use_case.monitor, use_case.features)
    assert found.column("wind_dir").distance == 0.2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("alpha: 2", "alpha: Input should be less than 1 (found 2)"),
        ("alfa: 0.1", "alfa: is no key here"),
        ("quality: {auc_drop: -1, min_labels: x}", "quality.min_labels"),
        ("columns: {tmp: {ignore: true}}", "columns.tmp: is no column here; there are carrier, temp"),
        ("columns: {temp: {distance: .nan}}", "columns.temp.distance"),
        ("- a", "the file"),
        ("a: [", "is no YAML"),
    ],
)
def test_what_is_wrong_is_said(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "monitor.yaml").write_text(text)
    with pytest.raises(ThresholdsError) as raised:
        read_thresholds(tmp_path / "monitor.yaml", COLUMNS)
    assert told in str(raised.value)


def test_a_missing_file_is_an_error_and_an_empty_one_is_not(tmp_path: Path) -> None:
    with pytest.raises(ThresholdsError, match="is missing"):
        read_thresholds(tmp_path / "monitor.yaml", COLUMNS)
    (tmp_path / "monitor.yaml").write_text("")
    assert read_thresholds(tmp_path / "monitor.yaml", COLUMNS).min_rows == 500
