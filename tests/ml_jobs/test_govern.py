"""Protects the decision: at most one promoted, every other with rule and reason, and chance never promoted."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow import MlflowClient
from sklearn.metrics import roc_auc_score

from ml_jobs import artifacts, command, matrix, model_file
from ml_jobs import govern as job
from ml_jobs.errors import JobError
from ml_jobs.evaluate import evaluate
from ml_jobs.govern import decide, govern
from ml_jobs.ingest import ingest
from ml_jobs.register import Made, register
from ml_jobs.registry import FolderRegistry
from ml_jobs.rules import Evidence, Rules
from ml_jobs.scores import METRICS
from ml_jobs.train import TrainRequest, train_candidate
from ml_jobs.use_cases import UseCase
from tests.ml_jobs.conftest import settings

RULES = Rules.model_validate(
    {
        "compete_on": "auc",
        "rules": [
            {"name": "ranks", "kind": "threshold", "metric": "auc", "min": 0.65},
            {"name": "generalizes", "kind": "gap", "metric": "auc", "max_gap": 0.06},
            {"name": "not-worse", "kind": "champion", "metric": "auc", "min_gain": 0.0},
        ],
    }
)


def measured(heldout: float | None, train: float = 0.7, champion: float | None = None) -> Evidence:
    whole: dict[str, Any] = dict.fromkeys(METRICS, 0.4)
    metrics = {"train": {**whole, "auc": train}, "test": {**whole, "auc": 0.7}, "heldout": {**whole, "auc": heldout}}
    return Evidence(metrics, {}, {**whole, "auc": champion} if champion else None, "3" if champion else None)


# candidates -> (promoted, {loser: first rule broken})
DECISIONS: dict[str, tuple[dict[str, Evidence], str | None, dict[str, str]]] = {
    "the best wins": (
        {"a": measured(0.70), "b": measured(0.72), "c": measured(0.71)},
        "b",
        {"a": "best-candidate", "c": "best-candidate"},
    ),
    "the best breaks a rule": (
        {"a": measured(0.70), "b": measured(0.75, train=0.9)},
        "a",
        {"b": "generalizes"},
    ),
    "of equals the first": ({"a": measured(0.7), "b": measured(0.7)}, "a", {"b": "best-candidate"}),
    "one alone": ({"a": measured(0.7)}, "a", {}),
    "all are chance": (
        {"a": measured(0.5), "b": measured(0.51), "c": measured(0.49)},
        None,
        {"a": "ranks", "b": "ranks", "c": "ranks"},
    ),
    "not defined": ({"a": measured(None)}, None, {"a": "ranks"}),
    "all are worse than the champion": (
        {"a": measured(0.70, champion=0.72), "b": measured(0.71, champion=0.72)},
        None,
        {"a": "not-worse", "b": "not-worse"},
    ),
    "trained again, equal to the champion": ({"a": measured(0.7, champion=0.7)}, "a", {}),
    "better than the champion": (
        {"a": measured(0.70, champion=0.71), "b": measured(0.73, champion=0.71)},
        "b",
        {"a": "not-worse"},
    ),
    "the first of two broken rules": ({"a": measured(0.6, train=0.9)}, None, {"a": "ranks"}),
}


@pytest.mark.parametrize("name", DECISIONS)
def test_at_most_one_is_promoted_and_every_other_flagged(name: str) -> None:
    evidence, promoted, losers = DECISIONS[name]
    outcome = decide(RULES, evidence)
    assert outcome.promoted == promoted
    assert {rejection.candidate: rejection.rule for rejection in outcome.rejected} == losers
    assert all(any(character.isdigit() for character in item.reason) or "not defined" in item.reason
               for item in outcome.rejected)  # fmt: skip
    assert bool(outcome.reason) == (promoted is not None)


def test_the_order_of_the_candidates_decides_nothing_but_ties() -> None:
    evidence = {"a": measured(0.70), "b": measured(0.72), "c": measured(0.5)}
    turned = dict(reversed(evidence.items()))
    assert decide(RULES, evidence).promoted == decide(RULES, turned).promoted == "b"


def test_reasons_hold_both_numbers() -> None:
    outcome = decide(RULES, {"a": measured(0.70), "b": measured(0.72), "c": measured(0.6, train=0.9)})
    reasons = {rejection.candidate: rejection.reason for rejection in outcome.rejected}
    assert reasons["a"] == "keeps all rules, but its held-out auc 0.7000 is not better than the 0.7200 of b"
    assert "0.6000 is below the lowest allowed 0.65" in reasons["c"]
    assert "worse by 0.2" in reasons["c"]
    assert "0.7200" in outcome.reason
    assert "there is no champion yet" in outcome.reason


@pytest.fixture(scope="module")
def evaluation(
    models: Path, workspace: Path, features: Path, use_case: UseCase, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("governed")
    evaluate(use_case, settings(workspace), FolderRegistry(folder / "registry"), features, models, folder)
    return folder


def test_the_decision_has_the_keys_that_register_and_scripts_read(
    evaluation: Path, workspace: Path, use_case: UseCase, tmp_path: Path
) -> None:
    govern(use_case, settings(workspace), evaluation, tmp_path)
    decision = artifacts.read_json(tmp_path / "decision.json")
    evaluated = artifacts.read_json(evaluation / "evaluation.json")["candidates"]
    assert decision["schema"] == "stile.decision/1"
    assert (decision["model"], decision["execution_id"]) == ("flights", "run-1")
    named = [decision["promoted"]["candidate"]] if decision["promoted"] else []
    assert sorted([*named, *(item["candidate"] for item in decision["rejected"])]) == sorted(evaluated)
    assert all(item.keys() == {"candidate", "rule", "reason"} and item["reason"] for item in decision["rejected"])
    assert decision["metrics"] == {name: found["metrics"]["heldout"] for name, found in evaluated.items()}
    assert decision["champion"] is None
    assert {rule["name"] for rule in decision["rules"]} >= {"not-worse-than-champion"}
    for found in evaluated.values():
        kept = MlflowClient((workspace / "mlruns").as_uri()).list_artifacts(found["mlflow_run_id"])
        assert "decision.json" in {item.path for item in kept}


def test_promoting_nothing_is_a_decision(evaluation: Path, workspace: Path, tmp_path: Path,
                                         monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    content = artifacts.read_json(evaluation / "evaluation.json")
    for found in content["candidates"].values():
        found["metrics"]["heldout"]["auc"] = 0.5
    artifacts.write_json(tmp_path / "evaluation.json", content)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (workspace / "mlruns").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    arguments = ["--use-case", "flight_delays", "--evaluation", str(tmp_path), "--decision", str(tmp_path / "decision")]
    assert command.run(job.main, arguments) == 0
    decision = artifacts.read_json(tmp_path / "decision" / "decision.json")
    assert decision["promoted"] is None
    assert len(decision["rejected"]) == len(content["candidates"])


def test_an_evaluation_of_something_else_is_refused(use_case: UseCase, workspace: Path, tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"evaluation.json is missing"):
        govern(use_case, settings(workspace), tmp_path, tmp_path)
    artifacts.write_json(tmp_path / "evaluation.json", {"schema": "stile.evaluation/1", "use_case": "other"})
    with pytest.raises(JobError, match="no evaluation of flight_delays"):
        govern(use_case, settings(workspace), tmp_path, tmp_path)


@pytest.mark.slow
def test_all_data_promote_one_candidate_again_and_again(full_raw: Path, use_case: UseCase, tmp_path: Path) -> None:
    """The whole chain by hand: sane scores that anyone can compute again, one promoted, and the same one next time."""
    ingest(use_case, full_raw, tmp_path)
    registry = FolderRegistry(tmp_path / "registry")
    promoted = []
    for execution in ("run-1", "run-2"):
        own = settings(tmp_path, execution_id=execution)
        made = Made(tmp_path / execution / "decision", tmp_path / "models", tmp_path / execution / "evaluation", {})
        for candidate in use_case.candidates if execution == "run-1" else ():
            train_candidate(use_case, own, TrainRequest(candidate), tmp_path, made.models / candidate)
        evaluate(use_case, own, registry, tmp_path, made.models, made.evaluation)
        promoted.append(govern(use_case, own, made.evaluation, made.decision))
        register(use_case, own, registry, made, tmp_path / execution)
    table = pd.read_parquet(tmp_path / "features.parquet")
    rows = table[table["part"] == "heldout"]
    decision = artifacts.read_json(tmp_path / "run-2" / "decision" / "decision.json")
    for candidate in use_case.candidates:
        model = model_file.load(tmp_path / "models" / candidate / "model.skops")
        auc = roc_auc_score(rows["late"], matrix.probabilities(model, matrix.from_table(rows, use_case)))
        assert decision["metrics"][candidate]["auc"] == pytest.approx(auc, abs=1e-9)
        assert 0.6 < auc < 0.8
    assert promoted[0].promoted == promoted[1].promoted is not None
    assert decision["champion"]["version"] == "3"
    assert "equal, and equal is enough" in promoted[1].reason


@pytest.mark.slow
def test_models_of_shuffled_labels_are_not_promoted(features: Path, use_case: UseCase, tmp_path: Path) -> None:
    """What learns nothing never goes live, however it is called."""
    own = settings(tmp_path)
    for candidate in use_case.candidates:
        request = TrainRequest(candidate, shuffle_labels=True)
        train_candidate(use_case, own, request, features, tmp_path / "models" / candidate)
    registry = FolderRegistry(tmp_path / "registry")
    evaluate(use_case, own, registry, features, tmp_path / "models", tmp_path / "evaluation")
    outcome = govern(use_case, own, tmp_path / "evaluation", tmp_path / "decision")
    assert outcome.promoted is None
    assert {rejection.rule for rejection in outcome.rejected} == {"ranks-delays"}
    assert len(outcome.rejected) == len(use_case.candidates)
