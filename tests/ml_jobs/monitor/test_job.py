"""Protects the monitor on real flights: what drifts is named, what does not is not; trouble never costs the report."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ml_jobs import command, matrix, model_file
from ml_jobs.artifacts import read_json
from ml_jobs.errors import JobError
from ml_jobs.monitor import __main__ as job
from ml_jobs.monitor.__main__ import MonitorRequest, monitor
from ml_jobs.use_cases import UseCase
from tests.ml_jobs.monitor import captures
from tests.ml_jobs.monitor.captures import START, VERSION, WINDOW, column


@pytest.fixture(scope="module")
def flights(table: pd.DataFrame, models: Path, use_case: UseCase) -> pd.DataFrame:
    """The sample with the model's own probabilities."""
    predicted = matrix.probabilities(
        model_file.load(models / "hgb" / "model.skops"), matrix.from_table(table, use_case)
    )
    return table.assign(probability=predicted)


def month(flights: pd.DataFrame, number: int) -> pd.DataFrame:
    return flights[flights["event_id"].str.startswith(f"2013-{number:02d}")].reset_index(drop=True)


@pytest.fixture(scope="module")
def january(flights: pd.DataFrame) -> pd.DataFrame:
    return month(flights, 1)


def observed(
    tmp_path: Path, case: UseCase, reference: pd.DataFrame, captured: Path, labels: pd.DataFrame | None = None
) -> dict[str, Any]:
    folder = None
    if labels is not None:
        folder = tmp_path / "labels"
        folder.mkdir()
        labels.to_csv(folder / "late.csv", index=False)
    base = captures.baseline(tmp_path / "baseline", reference)
    report = monitor(case, MonitorRequest(base, captured, folder, WINDOW, VERSION), tmp_path / "out")
    assert report == read_json(tmp_path / "out" / "drift.json")
    return report


def drifting(report: dict[str, Any]) -> set[str]:
    return {row["name"] for row in report["data"]["columns"] if row["status"] == "drift"}


def test_a_month_against_itself_does_not_drift(january: pd.DataFrame, use_case: UseCase, tmp_path: Path) -> None:
    labels = january[["event_id", "late"]]
    report = observed(tmp_path, use_case, january, captures.capture(tmp_path / "in", january, use_case), labels)
    assert [row["distance"] for row in report["data"]["columns"]] == [0.0] * (len(use_case.features) + 1)
    assert (report["status"], report["data"]["status"], report["quality"]["status"]) == ("ok", "ok", "ok")
    assert report["captured"]["used"] == len(january)
    assert read_json(tmp_path / "out" / "constraint_violations.json") == {"violations": []}
    quality = report["quality"]
    assert quality["coverage"] == {"events": len(january), "labelled": len(january), "share": 1.0}
    assert quality["auc"] == quality["baseline"]["auc"]
    assert sum(window["n"] for window in quality["windows"]) == len(january)
    assert len(quality["windows"]) == 5


def test_july_is_warmer_than_january_and_what_the_calendar_keeps_is_alike(
    flights: pd.DataFrame, january: pd.DataFrame, use_case: UseCase, tmp_path: Path
) -> None:
    july = month(flights, 7)
    report = observed(tmp_path, use_case, january, captures.capture(tmp_path / "in", july, use_case))
    assert report["status"] == report["data"]["status"] == "drift"
    assert {"temp", "dewp"} <= drifting(report)
    assert column(report, "temp")["distance"] > 2
    assert "origin" not in drifting(report)
    assert report["quality"]["status"] == "unknown"
    violations = read_json(tmp_path / "out" / "constraint_violations.json")["violations"]
    assert {each["feature_name"] for each in violations} == drifting(report)
    assert {each["constraint_check_type"] for each in violations} == {"baseline_drift_check"}


def test_answers_that_are_worse_are_drift_of_quality(flights: pd.DataFrame, use_case: UseCase, tmp_path: Path) -> None:
    shuffled = flights[["event_id"]].assign(late=flights["late"].sample(frac=1, random_state=3).to_numpy())
    report = observed(tmp_path, use_case, flights, captures.capture(tmp_path / "in", flights, use_case), shuffled)
    assert (report["data"]["status"], report["quality"]["status"], report["status"]) == ("ok", "drift", "drift")
    assert report["quality"]["auc"]["high"] < report["quality"]["baseline"]["auc"]["low"]
    hurt = {each["slice"]: each for each in report["quality"]["slices"] if each["status"] == "drift"}
    assert {"UA", "B6", "EV"} <= hurt.keys()
    assert all(each["n"] >= 500 for each in hurt.values())


def test_too_few_labels_are_unknown_and_coverage_is_shown(
    january: pd.DataFrame, use_case: UseCase, tmp_path: Path
) -> None:
    few = january[["event_id", "late"]].head(499)
    report = observed(tmp_path, use_case, january, captures.capture(tmp_path / "in", january, use_case), few)
    assert report["quality"]["status"] == report["status"] == "unknown"
    assert report["quality"]["coverage"]["labelled"] == 499
    assert "499 events have a label; 500 are needed" in report["quality"]["reason"]


def test_nothing_captured_is_unknown_with_a_report(january: pd.DataFrame, use_case: UseCase, tmp_path: Path) -> None:
    report = observed(tmp_path, use_case, january, tmp_path / "none")
    assert (report["status"], report["captured"]["lines"]) == ("unknown", 0)
    assert "0 rows are too few" in column(report, "temp")["reason"]


def test_bad_lines_cost_themselves_only(january: pd.DataFrame, use_case: UseCase, tmp_path: Path) -> None:
    """A file cut in the middle, an empty hour, no JSON, another layout, a clock that is a year behind."""
    folder = captures.capture(tmp_path / "in", january, use_case)
    instances = captures.instances_of(january.head(2), use_case)
    whole = captures.line(instances, [0.5, 0.5], START)
    late = captures.line(instances, [0.5, 0.5], START - timedelta(days=365))
    short = captures.line(instances, [0.5], START)
    captures.write(folder, [whole[: len(whole) // 2]], name="cut.jsonl")
    captures.write(folder, [], hour="2014/01/01/01")
    captures.write(folder, ["no json", "[]", '{"captureData": null}', short, late, "\ufffd\x00"], name="bad.jsonl")
    report = observed(tmp_path, use_case, january, folder)
    assert report["data"]["status"] == "ok"
    assert report["captured"]["broken_lines"] == 6
    assert report["captured"]["outside"] == 2
    assert report["captured"]["used"] == len(january)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"temp": "warm"}, "wrong_type"),
        ({"temp": None, "carrier": 7}, "wrong_type"),
        ({"temp": float("nan")}, "not_finite"),
        ({"temp": float("inf")}, "not_finite"),
        ({"gate": "B7"}, "new"),
    ],
)
def test_a_column_that_is_another(
    change: dict[str, Any], finding: str, january: pd.DataFrame, use_case: UseCase, tmp_path: Path
) -> None:
    instances = [{**each, **change} for each in captures.instances_of(january, use_case)]
    folder = captures.write(tmp_path / "in", [captures.line(instances, january["probability"].tolist(), START)])
    report = observed(tmp_path, use_case, january, folder)
    assert report["data"]["status"] == "drift"
    assert finding in {row["finding"] for row in report["data"]["schema"] if row["rows"] == len(january)}


def test_a_column_that_is_gone(january: pd.DataFrame, use_case: UseCase, tmp_path: Path) -> None:
    instances = captures.instances_of(january, use_case)
    for each in instances:
        del each["temp"]
    folder = captures.write(tmp_path / "in", [captures.line(instances, january["probability"].tolist(), START)])
    report = observed(tmp_path, use_case, january, folder)
    assert column(report, "temp")["status"] == "drift"
    assert "100.0% of values are missing" in column(report, "temp")["reason"]
    assert [row["name"] for row in report["data"]["schema"] if row["finding"] == "absent"] == ["temp"]


def test_unseen_categories_and_one_value_only(january: pd.DataFrame, use_case: UseCase, tmp_path: Path) -> None:
    moved = january.assign(carrier=[f"X{row}" for row in range(len(january))], temp=42.0)
    report = observed(tmp_path, use_case, january, captures.capture(tmp_path / "in", moved, use_case))
    assert column(report, "carrier")["unseen_share"] == 1.0
    assert f"{len(january):,} unseen categories" in column(report, "carrier")["reason"]
    assert column(report, "temp")["status"] == "drift"


def test_what_another_version_answered_is_left_out(january: pd.DataFrame, use_case: UseCase, tmp_path: Path) -> None:
    report = observed(tmp_path, use_case, january, captures.capture(tmp_path / "in", january, use_case, version="2"))
    assert report["status"] == "unknown"
    assert (report["captured"]["other_versions"], report["captured"]["used"]) == (len(january), 0)


def test_the_baseline_that_training_wrote_serves_on_the_command_line(
    models: Path, flights: pd.DataFrame, use_case: UseCase, tmp_path: Path
) -> None:
    folder = captures.capture(tmp_path / "in", flights[flights["part"] == "test"], use_case)
    argv = ["--use-case", "flight_delays", "--baseline", str(models / "hgb" / "baseline"), "--captured", str(folder)]
    argv += ["--output", str(tmp_path / "out"), "--from", "2014-01-01", "--until", "2014-02-01"]
    assert command.run(job.main, argv) == 0
    report = read_json(tmp_path / "out" / "drift.json")
    assert column(report, "probability")["distance"] == pytest.approx(0.0, abs=1e-9)
    assert column(report, "temp")["status"] == "drift"


def test_a_baseline_of_another_model_is_refused(january: pd.DataFrame, use_case: UseCase, tmp_path: Path) -> None:
    base = captures.baseline(tmp_path / "baseline", january.drop(columns="temp"))
    with pytest.raises(JobError, match="lacks temp: it is the baseline of another model"):
        monitor(use_case, MonitorRequest(base, tmp_path, None, WINDOW), tmp_path / "out")


def test_labels_that_cannot_be_used_are_counted(january: pd.DataFrame, use_case: UseCase, tmp_path: Path) -> None:
    labels = pd.concat([january[["event_id", "late"]], january[["event_id", "late"]].head(5)])
    labels = labels.astype(object)
    labels.iloc[0, 1] = "perhaps"
    report = observed(tmp_path, use_case, january, captures.capture(tmp_path / "in", january, use_case), labels)
    assert report["labels"] == {"n": len(january), "refused": 1, "doubled": 4}
    assert json.dumps(report["quality"]["coverage"]["labelled"]) == str(len(january))
