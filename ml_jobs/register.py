"""Register: every candidate becomes a model version, the promoted one approved, the others rejected with the reason."""

import argparse
import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_jobs import artifacts, command
from ml_jobs.contracts import sagemaker_job, vertex_job
from ml_jobs.errors import JobError
from ml_jobs.registry import APPROVED, REJECTED, Entry, Registry, Version, open_registry
from ml_jobs.settings import Settings, read_settings
from ml_jobs.trained import Trained, open_candidates
from ml_jobs.use_cases import UseCase

log = logging.getLogger("ml_jobs.register")
REGISTERED = "registered.json"


@dataclass(frozen=True)
class Made:
    """What the steps before left: folders, and where in the cloud each came from (nothing by hand)."""

    decision: Path
    models: Path
    evaluation: Path
    uris: Mapping[Path, str]


def register(
    use_case: UseCase, settings: Settings, registry: Registry, made: Made, registered: Path
) -> dict[str, Version]:
    """Register each candidate, and write `registered.json` into `registered`; a repeated call changes nothing.

    The losers come first, so that an interrupted job leaves no approved version without them.

    Raises:
        ModelDigestError: a model is not the one that was evaluated.
        JobError: decision, evaluation and models do not fit together, or the registry refuses.
    """
    decision = artifacts.read_json(made.decision / artifacts.DECISION)
    evaluated: dict[str, Any] = artifacts.read_json(made.evaluation / artifacts.EVALUATION)["candidates"]
    reasons = _reasons(decision)
    with tempfile.TemporaryDirectory() as scratch:
        candidates = open_candidates(made.models, use_case.candidates, Path(scratch))
        if not candidates.keys() == evaluated.keys() == reasons.keys():
            raise JobError(
                f"models ({', '.join(candidates)}), evaluation ({', '.join(evaluated)}) and decision "
                f"({', '.join(reasons)}) name different candidates"
            )
        entries = [
            _entry(settings, made, decision, trained, evaluated[name], reasons[name])
            for name, trained in candidates.items()
        ]
        versions = {entry.candidate: registry.register(entry) for entry in sorted(entries, key=_approved)}
    artifacts.write_json(registered / REGISTERED, _registered(settings, entries, versions))
    for name, version in versions.items():
        log.info("%s is version %d, %s", name, version.number, version.status)
    return versions


def _approved(entry: Entry) -> bool:
    return entry.status == APPROVED


def _reasons(decision: Mapping[str, Any]) -> dict[str, str]:
    promoted = [decision["promoted"]] if decision["promoted"] else []
    return {item["candidate"]: item["reason"] for item in [*promoted, *decision["rejected"]]}


def _entry(
    settings: Settings,
    made: Made,
    decision: Mapping[str, Any],
    trained: Trained,
    evaluated: Mapping[str, Any],
    reason: str,
) -> Entry:
    name = trained.candidate
    trained.check(evaluated["sha256"])
    promoted = decision["promoted"] or {}
    evaluation_uri = made.uris.get(made.evaluation, "").rstrip("/")
    heldout = evaluated["metrics"]["heldout"]
    return Entry(
        candidate=name,
        sha256=evaluated["sha256"],
        execution_id=settings.execution_id,
        status=APPROVED if promoted.get("candidate") == name else REJECTED,
        reason=reason,
        folder=made.models / name,
        model_uri=made.uris.get(made.models / name),
        metrics_uri=f"{evaluation_uri}/{artifacts.CANDIDATES}/{name}/metrics.json" if evaluation_uri else None,
        properties={
            "model": settings.model,
            "use_case": decision["use_case"],
            "mlflow_run_id": evaluated["mlflow_run_id"],
            **{f"heldout_{metric}": str(value) for metric, value in heldout.items() if value is not None},
        },
    )


def _registered(settings: Settings, entries: Sequence[Entry], versions: Mapping[str, Version]) -> dict[str, Any]:
    return {
        "schema": "stile.registered/1",
        "model": settings.model,
        "versions": {
            entry.candidate: {
                "version": str(versions[entry.candidate].number),
                "arn": versions[entry.candidate].identifier,
                "sha256": entry.sha256,
                "status": entry.status,
                "reason": entry.reason,
            }
            for entry in entries
        },
    }


def arguments() -> argparse.ArgumentParser:
    """Return the job's parser."""
    return command.parser(
        "register",
        __doc__ or "",
        decision="directory that govern wrote",
        models="directory with a subfolder per candidate: what train wrote, or its model.tar.gz",
        evaluation="directory that evaluate wrote",
        registered="directory to write",
    )


def main(argv: Sequence[str]) -> None:
    """Run the job with command line arguments; where the inputs came from, the container contract says."""
    given = arguments().parse_args(argv)
    use_case = command.use_case_of(given)
    settings = read_settings(use_case=use_case.name)
    uris = {**sagemaker_job.input_uris(), **vertex_job.input_uris()}
    made = Made(given.decision, given.models, given.evaluation, uris)
    register(use_case, settings, open_registry(settings), made, given.registered)


if __name__ == "__main__":
    raise SystemExit(command.run(main))
