"""Evaluate: every candidate, and the champion if there is one, on the held-out months that no training has seen."""

import argparse
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

from ml_jobs import artifacts, command, matrix, plots, scores, tracking
from ml_jobs.errors import JobError
from ml_jobs.ingest import read_features
from ml_jobs.registry import Registry, Version, open_registry
from ml_jobs.scores import Scores
from ml_jobs.settings import Settings, read_settings
from ml_jobs.trained import Trained, open_candidates, open_trained
from ml_jobs.use_cases import UseCase

log = logging.getLogger("ml_jobs.evaluate")
PART = "heldout"
CHAMPION = "champion"


@dataclass(frozen=True)
class Measured:
    """A model's metrics on the held-out rows, and by slice."""

    metrics: Scores
    slices: dict[str, Scores]


@dataclass(frozen=True)
class HeldOut:
    """The held-out rows of a use case."""

    use_case: UseCase
    rows: pd.DataFrame

    def measure(self, model: Any, name: str, folder: Path) -> Measured:
        """Predict all rows; write `predictions.parquet`, `metrics.json` and `plots/` into a folder."""
        case = self.use_case
        labels = self.rows[case.label].to_numpy(dtype=np.int64)
        with threadpool_limits(limits=1):
            predicted = matrix.probabilities(model, matrix.from_table(self.rows, case))
        values = self.rows[case.slice_by].to_numpy(dtype=object)
        measured = Measured(
            scores.score(labels, predicted, threshold=case.threshold),
            scores.slices(values, labels, predicted, threshold=case.threshold),
        )
        plots.draw(folder / "plots", PART, f"{case.name} {name}", labels, predicted)
        predictions = self.rows[[case.event_id, "part", case.label]].assign(probability=predicted)
        predictions.to_parquet(folder / artifacts.PREDICTIONS, index=False, compression="zstd")
        content = {"schema": "stile.metrics/1", PART: measured.metrics, "slices": measured.slices}
        artifacts.write_json(folder / artifacts.METRICS, content)
        log.info("%s on %s: AUC %s, n %d", name, PART, measured.metrics["auc"], len(self.rows))
        return measured


def evaluate(
    use_case: UseCase, settings: Settings, registry: Registry, features: Path, models: Path, evaluation: Path
) -> dict[str, Any]:
    """Write `evaluation.json`, and a folder for each model, into `evaluation`; return what evaluation.json holds.

    The same metrics go into the run of MLflow in which the candidate was trained.

    Raises:
        ModelDigestError: a model is not the one of its lineage, or of the registry.
        JobError: features, models or the champion's files are missing, or the tracking server refuses.
    """
    table = read_features(features, use_case)
    heldout = HeldOut(use_case, table[table["part"] == PART].reset_index(drop=True))
    if heldout.rows.empty:
        raise JobError(f"{features / artifacts.FEATURES} has no rows of {PART}")
    with tempfile.TemporaryDirectory() as scratch:
        candidates = open_candidates(models, use_case.candidates, Path(scratch) / artifacts.CANDIDATES)
        content = {
            "schema": "stile.evaluation/1",
            "model": settings.model,
            "use_case": use_case.name,
            "execution_id": settings.execution_id,
            "part": PART,
            "features_sha256": artifacts.file_sha256(features / artifacts.FEATURES),
            "code_sha256": artifacts.code_sha256(),
            "slice_by": use_case.slice_by,
            "candidates": {
                name: _candidate(heldout, settings, trained, evaluation / artifacts.CANDIDATES / name)
                for name, trained in candidates.items()
            },
            "champion": _champion(heldout, registry, Path(scratch) / CHAMPION, evaluation / CHAMPION),
        }
    artifacts.write_json(evaluation / artifacts.EVALUATION, content)
    return content


def _candidate(heldout: HeldOut, settings: Settings, trained: Trained, folder: Path) -> dict[str, Any]:
    """Measure a candidate and log what was measured into the run of its training."""
    folder.mkdir(parents=True, exist_ok=True)
    measured = heldout.measure(trained.load(), trained.candidate, folder)
    run = tracking.resume_run(settings, trained.run_id)
    run.log_metrics(scores.defined(measured.metrics, PART))
    run.log_folder(folder, "evaluation")
    parts = {part: metrics for part, metrics in trained.metrics.items() if isinstance(metrics, dict)}
    return {
        "sha256": trained.sha256,
        "mlflow_run_id": trained.run_id,
        "metrics": {**parts, PART: measured.metrics},
        "slices": measured.slices,
    }


def _champion(heldout: HeldOut, registry: Registry, scratch: Path, folder: Path) -> dict[str, Any] | None:
    """Measure the champion on the same rows: a comparison across other months would compare the months."""
    version = registry.champion()
    if version is None:
        log.info("no version is approved yet: there is no champion to compare with")
        return None
    try:
        trained = open_trained(registry.fetch(version, scratch / "fetched"), scratch / "unpacked")
        model = trained.load(version.sha256 or None)
    except JobError as error:
        raise _unusable(version, error) from error
    folder.mkdir(parents=True, exist_ok=True)
    measured = heldout.measure(model, f"champion (version {version.number})", folder)
    return {
        "version": str(version.number),
        "candidate": trained.candidate,
        "sha256": version.sha256 or trained.sha256,
        "metrics": measured.metrics,
        "slices": measured.slices,
    }


def _unusable(version: Version, error: JobError) -> JobError:
    told = f"the champion, version {version.number}, cannot be evaluated: {error}; bring its files back or reject it"
    return type(error)(told)


def arguments() -> argparse.ArgumentParser:
    """Return the job's parser."""
    return command.parser(
        "evaluate",
        __doc__ or "",
        features="directory that ingest wrote",
        models="directory with a subfolder per candidate: what train wrote, or its model.tar.gz",
        evaluation="directory to write",
    )


def main(argv: Sequence[str]) -> None:
    """Run the job with command line arguments."""
    given = arguments().parse_args(argv)
    use_case = command.use_case_of(given)
    settings = read_settings(use_case=use_case.name)
    evaluate(use_case, settings, open_registry(settings), given.features, given.models, given.evaluation)


if __name__ == "__main__":
    raise SystemExit(command.run(main))
