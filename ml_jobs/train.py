"""Train: one candidate on the training months, measured on training and test months, with everything archived."""

import argparse
import logging
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

from ml_jobs import artifacts, baseline, command, matrix, model_file, plots, scores, tracking
from ml_jobs.errors import JobError
from ml_jobs.ingest import read_features
from ml_jobs.scores import Labels, Scores
from ml_jobs.settings import Settings, read_settings
from ml_jobs.use_cases import UseCase

log = logging.getLogger("ml_jobs.train")
PARTS = ("train", "test")
DEFAULT_SEED = 7


@dataclass(frozen=True)
class TrainRequest:
    """What to train.

    Attributes:
        candidate: name of the estimator.
        seed: settles every random choice.
        shuffle_labels: train on shuffled labels, to prove that nothing leaks: what is learnt must be worth nothing.
    """

    candidate: str
    seed: int = DEFAULT_SEED
    shuffle_labels: bool = False


@dataclass(frozen=True)
class Trained:
    """The fitted model's digest, its metrics per part and its run in MLflow."""

    sha256: str
    metrics: dict[str, Scores]
    run_id: str


def train_candidate(
    use_case: UseCase, settings: Settings, request: TrainRequest, features: Path, model: Path
) -> Trained:
    """Fit, measure and archive one candidate: files in `model`, the same in one run of MLflow.

    Raises:
        JobError: no such candidate, no feature table, or the tracking server refuses.
    """
    estimator = use_case.estimator(request.candidate, request.seed)
    table = read_features(features, use_case)
    rows = {part: table[table["part"] == part].reset_index(drop=True) for part in PARTS}
    empty = [part for part in PARTS if rows[part].empty]
    if empty:
        raise JobError(f"{features / artifacts.FEATURES} has no rows of {' and '.join(empty)}")
    params = _params(use_case, request, estimator, rows)
    tags = {"stile.candidate": request.candidate, "stile.execution_id": settings.execution_id}
    with tracking.start_run(settings, f"{request.candidate}-{settings.execution_id}", tags) as run:
        run.log_params(params)
        fitted = _fit(estimator, use_case, request, rows["train"])
        sha256 = model_file.save(fitted, model / artifacts.MODEL)
        metrics, predictions = _measure(fitted, use_case, request, rows, model)
        run.log_metrics({name: value for part in PARTS for name, value in scores.defined(metrics[part], part).items()})
        artifacts.write_json(model / artifacts.PARAMS, params)
        baseline.write(model / artifacts.BASELINE, use_case, pd.concat(rows.values()), predictions)
        lineage = _lineage(use_case, settings, request, features, run) | {"model": {"sha256": sha256}}
        artifacts.write_json(model / artifacts.LINEAGE, lineage)
        _archive(run, model)
    log.info("%s: sha256 %s, MLflow run %s", request.candidate, sha256[:12], run.run_id)
    return Trained(sha256, metrics, run.run_id)


def shuffled(labels: Labels, seed: int) -> Labels:
    """Return the labels in random order: what is learnt from them must be worth nothing on held-out rows.

    Chance leaves some hours and weathers with more positives than others, and a model learns that; so single seeds
    score a few hundredths to either side of an AUC of 0.5.
    """
    return np.random.default_rng(seed).permutation(labels)


def _fit(estimator: Any, use_case: UseCase, request: TrainRequest, rows: pd.DataFrame) -> Any:
    labels = rows[use_case.label].to_numpy(dtype=np.int64)
    if request.shuffle_labels:
        labels = shuffled(labels, request.seed)
        log.info("labels are shuffled: this model must learn nothing")
    log.info("fitting %s on %d rows", request.candidate, len(rows))
    # One thread: sums of floats do not depend on who came first.
    with threadpool_limits(limits=1):
        return estimator.fit(matrix.from_table(rows, use_case), labels)


def _measure(
    fitted: Any, use_case: UseCase, request: TrainRequest, rows: dict[str, pd.DataFrame], model: Path
) -> tuple[dict[str, Scores], pd.DataFrame]:
    """Predict both parts; write metrics, plots and predictions, and return metrics and predictions."""
    metrics: dict[str, Scores] = {}
    predictions = []
    for part, table in rows.items():
        labels = table[use_case.label].to_numpy(dtype=np.int64)
        with threadpool_limits(limits=1):
            predicted = matrix.probabilities(fitted, matrix.from_table(table, use_case))
        metrics[part] = scores.score(labels, predicted, threshold=use_case.threshold)
        plots.draw(model / "plots", part, f"{use_case.name} {request.candidate}", labels, predicted)
        predictions.append(table[[use_case.event_id, "part", use_case.label]].assign(probability=predicted))
        log.info("%s on %s: AUC %s, n %d", request.candidate, part, metrics[part]["auc"], len(table))
    artifacts.write_json(model / artifacts.METRICS, {"schema": "stile.metrics/1", **metrics})
    together = pd.concat(predictions)
    together.to_parquet(model / artifacts.PREDICTIONS, index=False, compression="zstd")
    return metrics, together


def _params(use_case: UseCase, request: TrainRequest, estimator: Any, rows: dict[str, pd.DataFrame]) -> dict[str, Any]:
    model = estimator.named_steps["model"] if hasattr(estimator, "named_steps") else estimator
    return {
        "use_case": use_case.name,
        **asdict(request),
        "threshold": use_case.threshold,
        "features": ",".join(use_case.features),
        **{f"rows_{part}": len(table) for part, table in rows.items()},
        "estimator": type(model).__name__,
        **{f"estimator__{name}": _plain(value) for name, value in sorted(model.get_params(deep=False).items())},
    }


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _lineage(
    use_case: UseCase, settings: Settings, request: TrainRequest, features: Path, run: tracking.Run
) -> dict[str, Any]:
    """Say what the model was made from, so that it can be made again."""
    ingested = features / artifacts.LINEAGE
    return {
        "schema": "stile.lineage/1",
        "use_case": use_case.name,
        **asdict(request),
        "execution_id": settings.execution_id,
        "data": {
            "features_sha256": artifacts.file_sha256(features / artifacts.FEATURES),
            "inputs": artifacts.read_json(ingested).get("inputs", {}) if ingested.is_file() else {},
        },
        "code_sha256": artifacts.code_sha256(),
        "image": settings.image,
        "mlflow": {"run_id": run.run_id, "experiment": run.experiment},
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "pandas", "scikit-learn", "skops")},
        },
    }


def _archive(run: tracking.Run, model: Path) -> None:
    """Log every file of the model's folder, at the same place in the run's artifacts."""
    run.log_folder(model)
    log.info("archived %d files in MLflow run %s", sum(path.is_file() for path in model.rglob("*")), run.run_id)


def arguments() -> argparse.ArgumentParser:
    """Return the job's parser."""
    made = command.parser(
        "train", __doc__ or "", features="directory that ingest wrote", model="directory to write the model into"
    )
    made.add_argument("--candidate", metavar="NAME", required=True, help="which estimator of the use case")
    made.add_argument("--seed", type=int, default=DEFAULT_SEED, help="settles every random choice (default: 7)")
    made.add_argument("--shuffle-labels", action="store_true", help="train on shuffled labels, to look for leaks")
    return made


def main(argv: Sequence[str]) -> None:
    """Run the job with command line arguments."""
    given = arguments().parse_args(argv)
    use_case = command.use_case_of(given)
    request = TrainRequest(given.candidate, given.seed, given.shuffle_labels)
    train_candidate(use_case, read_settings(use_case=use_case.name), request, given.features, given.model)


if __name__ == "__main__":
    raise SystemExit(command.run(main))
