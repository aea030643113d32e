"""The value chain as one plain script: the data, fits and files of the pipeline, without cloud, HTTP or tracking.

`python -m benchmarks.plain_chain RAW OUT` does in one process, one after the other, what a data scientist would.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

from ml_jobs import baseline, matrix, model_file, plots, scores
from ml_jobs.govern import Outcome, decide
from ml_jobs.rules import Evidence, read_rules
from ml_jobs.scores import Scores
from ml_jobs.train import DEFAULT_SEED
from ml_jobs.use_cases import UseCase, load

USE_CASE = "flight_delays"
PARTS = ("train", "test", "heldout")


def chain(raw: Path, out: Path) -> Outcome:
    """Build the features, check them, fit and measure every candidate, decide, and keep the models as versions."""
    case = load(USE_CASE)
    table = case.build(raw).frame
    table.to_parquet(out / "features.parquet", index=False, compression="zstd")
    case.contract().validate(table, lazy=True)
    rows = {part: table[table["part"] == part].reset_index(drop=True) for part in PARTS}
    found = {name: fit(case, name, rows, out / name) for name in case.candidates}
    outcome = decide(read_rules(case.rules), found)
    losers = {rejected.candidate: rejected.reason for rejected in outcome.rejected}
    reasons = {**losers, **({outcome.promoted: outcome.reason} if outcome.promoted else {})}
    write(out / "decision.json", {"promoted": outcome.promoted, "reasons": reasons})
    return outcome


def fit(case: UseCase, name: str, rows: dict[str, pd.DataFrame], folder: Path) -> Evidence:
    """Fit one candidate and measure it on all parts; write model, metrics, plots, predictions and baseline."""
    folder.mkdir()
    estimator, learnt = case.estimator(name, DEFAULT_SEED), rows["train"]
    with threadpool_limits(limits=1):
        fitted = estimator.fit(matrix.from_table(learnt, case), labels_of(case, learnt))
    sha256 = model_file.save(fitted, folder / "model.skops")
    metrics: dict[str, Scores] = {}
    slices: dict[str, Scores] = {}
    for part, table in rows.items():
        labels = labels_of(case, table)
        with threadpool_limits(limits=1):
            predicted = matrix.probabilities(fitted, matrix.from_table(table, case))
        metrics[part] = scores.score(labels, predicted, threshold=case.threshold)
        plots.draw(folder / "plots", part, f"{case.name} {name}", labels, predicted)
        predictions = table[[case.event_id, "part", case.label]].assign(probability=predicted)
        predictions.to_parquet(folder / f"predictions_{part}.parquet", index=False, compression="zstd")
        if part == "heldout":
            values = table[case.slice_by].to_numpy(dtype=object)
            slices = scores.slices(values, labels, predicted, threshold=case.threshold)
    write(folder / "metrics.json", {"sha256": sha256, **metrics, "slices": slices})
    write(folder / "statistics.json", baseline.statistics(learnt, case.categories, case.numbers))
    return Evidence(metrics=metrics, slices=slices, champion=None, champion_version=None)


def labels_of(case: UseCase, table: pd.DataFrame) -> scores.Labels:
    """Return a part's labels."""
    return table[case.label].to_numpy(dtype=np.int64)


def write(path: Path, content: dict[str, Any]) -> None:
    """Write an object as JSON."""
    path.write_text(json.dumps(content, indent=2, sort_keys=True))


if __name__ == "__main__":
    chain(Path(sys.argv[1]), Path(sys.argv[2]))
