"""Govern: the evaluation and the business rules decide; at most one candidate is promoted, all others get a reason."""

import argparse
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_jobs import artifacts, command, tracking
from ml_jobs.errors import JobError
from ml_jobs.rules import Evidence, Rules, Verdict, read_rules
from ml_jobs.settings import Settings, read_settings
from ml_jobs.use_cases import UseCase

log = logging.getLogger("ml_jobs.govern")
# The rule that a candidate breaks which keeps all others: another one is better.
BEST = "best-candidate"


@dataclass(frozen=True)
class Rejection:
    """A candidate that is not promoted: the first rule it broke, and all reasons."""

    candidate: str
    rule: str
    reason: str


@dataclass(frozen=True)
class Outcome:
    """What the rules say of all candidates.

    Attributes:
        promoted: the candidate, or None.
        reason: why it was promoted; empty if nothing was.
        rejected: all others.
        verdicts: rule -> candidate -> verdict.
    """

    promoted: str | None
    reason: str
    rejected: tuple[Rejection, ...]
    verdicts: dict[str, dict[str, Verdict]]


def decide(rules: Rules, evidence: Mapping[str, Evidence]) -> Outcome:
    """Judge every candidate by every rule; of those that keep all, promote the best (of equals, the first)."""
    verdicts = {rule.name: {name: rule.judge(found) for name, found in evidence.items()} for rule in rules.rules}
    broken = {name: [rule for rule in verdicts if not verdicts[rule][name].passed] for name in evidence}
    values = {name: found.metrics["heldout"][rules.compete_on] for name, found in evidence.items()}
    winner, best = None, None
    for name, value in values.items():
        if not broken[name] and value is not None and (best is None or rules.better(value, best)):
            winner, best = name, value
    rejected = tuple(
        _breaking(name, broken[name], verdicts) if broken[name] else _beaten(rules.compete_on, name, values, winner)
        for name in evidence
        if name != winner
    )
    reason = _promoted(rules, winner, values, verdicts) if winner else ""
    return Outcome(winner, reason, rejected, verdicts)


def _breaking(name: str, broken: Sequence[str], verdicts: Mapping[str, Mapping[str, Verdict]]) -> Rejection:
    reasons = [verdicts[rule][name].reason for rule in broken]
    others = f" (and breaks {', '.join(broken[1:])})" if len(broken) > 1 else ""
    return Rejection(name, broken[0], "; ".join(reasons) + others)


def _beaten(metric: str, name: str, values: Mapping[str, float | int | None], winner: str | None) -> Rejection:
    value = values[name]
    if winner is None or value is None:
        return Rejection(name, BEST, f"held-out {metric}, on which the candidates compete, is not defined")
    word = "equals" if value == values[winner] else "is not better than"
    return Rejection(
        name,
        BEST,
        f"keeps all rules, but its held-out {metric} {value:.4f} {word} the {values[winner]:.4f} of {winner}",
    )


def _promoted(
    rules: Rules,
    winner: str,
    values: Mapping[str, float | int | None],
    verdicts: Mapping[str, Mapping[str, Verdict]],
) -> str:
    told = [verdicts[rule.name][winner].reason for rule in rules.rules if rule.kind in ("threshold", "champion")]
    best = f"best held-out {rules.compete_on} ({values[winner]:.4f}) of those that keep all {len(rules.rules)} rules"
    return "; ".join([best, *told])


def govern(use_case: UseCase, settings: Settings, evaluation: Path, decision: Path) -> Outcome:
    """Write `decision.json` into `decision`, and into the run of MLflow of each candidate.

    Raises:
        RulesError: the use case's rules are wrong.
        JobError: there is no evaluation, or it is another use case's.
    """
    rules = read_rules(use_case.rules)
    found = artifacts.read_json(evaluation / artifacts.EVALUATION)
    if found.get("schema") != "stile.evaluation/1" or found.get("use_case") != use_case.name:
        raise JobError(f"{evaluation / artifacts.EVALUATION} is no evaluation of {use_case.name}; run evaluate again")
    candidates: dict[str, Any] = found["candidates"]
    champion: dict[str, Any] | None = found["champion"]
    outcome = decide(rules, {name: _evidence(measured, champion) for name, measured in candidates.items()})
    artifacts.write_json(decision / artifacts.DECISION, _decision(settings, rules, outcome, candidates, champion))
    for measured in candidates.values():
        tracking.resume_run(settings, measured["mlflow_run_id"]).log_file(decision / artifacts.DECISION)
    _tell(outcome)
    return outcome


def _evidence(measured: Mapping[str, Any], champion: Mapping[str, Any] | None) -> Evidence:
    return Evidence(
        metrics=measured["metrics"],
        slices=measured["slices"],
        champion=champion["metrics"] if champion else None,
        champion_version=champion["version"] if champion else None,
    )


def _decision(
    settings: Settings,
    rules: Rules,
    outcome: Outcome,
    candidates: Mapping[str, Any],
    champion: Mapping[str, Any] | None,
) -> dict[str, Any]:
    promoted = {"candidate": outcome.promoted, "reason": outcome.reason} if outcome.promoted else None
    return {
        "schema": "stile.decision/1",
        "model": settings.model,
        "use_case": settings.use_case,
        "execution_id": settings.execution_id,
        "promoted": promoted,
        "rejected": [vars(rejection) for rejection in outcome.rejected],
        "champion": {"version": champion["version"], "metrics": champion["metrics"]} if champion else None,
        "metrics": {name: measured["metrics"]["heldout"] for name, measured in candidates.items()},
        "rules": [
            {
                **rule.model_dump(exclude_none=True),
                "verdicts": {name: vars(verdict) for name, verdict in outcome.verdicts[rule.name].items()},
            }
            for rule in rules.rules
        ],
    }


def _tell(outcome: Outcome) -> None:
    if outcome.promoted:
        log.info("promoted %s: %s", outcome.promoted, outcome.reason)
    else:
        log.info("nothing is promoted")
    for rejection in outcome.rejected:
        log.info("rejected %s by %s: %s", rejection.candidate, rejection.rule, rejection.reason)


def arguments() -> argparse.ArgumentParser:
    """Return the job's parser."""
    return command.parser(
        "govern", __doc__ or "", evaluation="directory that evaluate wrote", decision="directory to write"
    )


def main(argv: Sequence[str]) -> None:
    """Run the job with command line arguments; a decision to promote nothing is a decision, and ends with 0."""
    given = arguments().parse_args(argv)
    use_case = command.use_case_of(given)
    govern(use_case, read_settings(use_case=use_case.name), given.evaluation, given.decision)


if __name__ == "__main__":
    raise SystemExit(command.run(main))
