"""Protects the business rules: each kind judged at and beside its limits, and every mistake in a rules file named."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ml_jobs.rules import Evidence, RulesError, read_rules
from ml_jobs.scores import METRICS, Scores
from ml_jobs.use_cases import load, names

THRESHOLD = {"name": "ranks", "kind": "threshold", "metric": "auc", "min": 0.65}
LOSS = {"name": "informs", "kind": "threshold", "metric": "log_loss", "max": 0.42}
GAP = {"name": "generalizes", "kind": "gap", "metric": "auc", "max_gap": 0.06}
LOSS_GAP = {"name": "generalizes", "kind": "gap", "metric": "log_loss", "max_gap": 0.05}
SLICES = {"name": "fair", "kind": "slices", "metric": "auc", "min": 0.6, "min_rows": 100}
CHAMPION = {"name": "better", "kind": "champion", "metric": "auc", "min_gain": 0.0}
MARGIN = {**CHAMPION, "min_gain": 0.01}
LOSS_CHAMPION = {**CHAMPION, "metric": "log_loss"}


def scores(**changes: float | int | None) -> Scores:
    return {**dict.fromkeys(METRICS, 0.4), "auc": 0.7, "n": 1000, **changes}


def write(folder: Path, *rules: Any, **changes: Any) -> Path:
    path = folder / "govern.yaml"
    path.write_text(yaml.safe_dump({"compete_on": "auc", "rules": list(rules), **changes}), encoding="utf-8")
    return path


def evidence(
    heldout: Scores | None = None,
    train: Scores | None = None,
    slices: dict[str, Scores] | None = None,
    champion: Scores | None = None,
) -> Evidence:
    metrics = {"train": train or scores(), "test": scores(), "heldout": heldout or scores()}
    return Evidence(metrics, slices or {}, champion, "4" if champion else None)


CASES: dict[str, tuple[dict[str, Any], Evidence, bool, str]] = {
    "at the lowest": (THRESHOLD, evidence(scores(auc=0.65)), True, "held-out auc 0.6500 is at least 0.65"),
    "below the lowest": (
        THRESHOLD,
        evidence(scores(auc=0.512)),
        False,
        "held-out auc 0.5120 is below the lowest allowed 0.65 (on 1,000 rows)",
    ),
    "hardly below shows all digits": (THRESHOLD, evidence(scores(auc=0.649999)), False, "auc 0.649999 is below"),
    "not defined": (THRESHOLD, evidence(scores(auc=None)), False, "auc is not defined on the held-out rows"),
    "at the highest": (LOSS, evidence(scores(log_loss=0.42)), True, "is at most 0.42"),
    "above the highest": (LOSS, evidence(scores(log_loss=0.43)), False, "log_loss 0.4300 is above the highest"),
    "gap at the limit": (GAP, evidence(train=scores(auc=0.76)), True, "within 0.06"),
    "gap too wide": (
        GAP,
        evidence(train=scores(auc=0.78)),
        False,
        "0.7800 in training and 0.7000 in test: worse by 0.08",
    ),
    "better in test is no gap": (GAP, evidence(train=scores(auc=0.5)), True, "within"),
    "loss grows from training to test": (LOSS_GAP, evidence(train=scores(log_loss=0.3)), False, "worse by 0.1"),
    "loss shrinks from training to test": (LOSS_GAP, evidence(train=scores(log_loss=0.6)), True, "within"),
    "gap not defined": (GAP, evidence(train=scores(auc=None)), False, "not defined"),
    "slices kept": (SLICES, evidence(slices={"AA": scores(auc=0.6, n=100)}), True, "in each of 1 slices"),
    "a slice below": (
        SLICES,
        evidence(slices={"AA": scores(auc=0.59, n=100), "UA": scores(auc=0.61, n=5000)}),
        False,
        "auc in 1 of 2 slices with at least 100 rows: AA 0.5900 is below the lowest allowed 0.6 (n 100)",
    ),
    "many slices below": (
        SLICES,
        evidence(slices={name: scores(auc=0.5, n=100 + number) for number, name in enumerate("ABCDE")}),
        False,
        "in 5 of 5 slices with at least 100 rows: E 0.5000 is below the lowest allowed 0.6 (n 104), D ",
    ),
    "a slice too small to judge": (SLICES, evidence(slices={"AA": scores(auc=0.1, n=99)}), True, "no slice has 100"),
    "a large slice without a score": (SLICES, evidence(slices={"AA": scores(auc=None, n=100)}), False, "AA is not def"),
    "no champion yet": (CHAMPION, evidence(), True, "there is no champion yet"),
    "equal to the champion": (CHAMPION, evidence(champion=scores()), True, "(version 4): equal, and equal is enough"),
    "equal but for rounding": (CHAMPION, evidence(champion=scores(auc=0.7 + 1e-15)), True, "equal"),
    "worse than the champion": (
        CHAMPION,
        evidence(champion=scores(auc=0.71)),
        False,
        "0.7100 (version 4): worse by 0.01",
    ),
    "better than the champion": (CHAMPION, evidence(champion=scores(auc=0.69)), True, "better by 0.01"),
    "equal where a margin is asked": (MARGIN, evidence(champion=scores()), False, "asked is a gain of 0.01"),
    "better by less than the margin": (MARGIN, evidence(champion=scores(auc=0.695)), False, "better by 0.005"),
    "better by the margin": (MARGIN, evidence(champion=scores(auc=0.69)), True, "better by 0.01"),
    "less loss than the champion": (LOSS_CHAMPION, evidence(champion=scores(log_loss=0.5)), True, "better by 0.1"),
    "more loss than the champion": (LOSS_CHAMPION, evidence(champion=scores(log_loss=0.3)), False, "worse by 0.1"),
    "champion not defined": (CHAMPION, evidence(champion=scores(auc=None)), False, "not defined"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_rule_judges_and_says_why_with_numbers(name: str, tmp_path: Path) -> None:
    rule, found, passed, told = CASES[name]
    verdict = read_rules(write(tmp_path, rule)).rules[0].judge(found)
    assert (verdict.passed, told in verdict.reason) == (passed, True), verdict.reason


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown key": ({**THRESHOLD, "minimum": 0.5}, r"rules\[0\].minimum: is no key here"),
    "a missing key": ({**GAP, "max_gap": None}, r"rules\[0\].max_gap: .*valid number.*None"),
    "an unknown kind": ({**GAP, "kind": "vibes"}, r"rules\[0\]: kind can be threshold, gap, slices, champion"),
    "no kind": ({"name": "x", "metric": "auc"}, r"rules\[0\]: kind is missing"),
    "an unknown metric": ({**THRESHOLD, "metric": "f2"}, r"rules\[0\].metric: .*'auc'.*found 'f2'"),
    "text for a number": ({**THRESHOLD, "min": "0.65"}, r"rules\[0\].min: .*valid number.*'0.65'"),
    "truth for a number": ({**THRESHOLD, "min": True}, r"rules\[0\].min: .*valid number.*True"),
    "not a number": ({**THRESHOLD, "min": float("nan")}, r"rules\[0\].min: .*finite"),
    "no limit": ({"name": "x", "kind": "threshold", "metric": "auc"}, r"rules\[0\]: needs min or max"),
    "limits crossed": ({**THRESHOLD, "max": 0.1}, r"rules\[0\]: min 0.65 is above max 0.1"),
    "a margin below zero": ({**CHAMPION, "min_gain": -0.1}, r"rules\[0\].min_gain: .*found -0.1"),
    "a share of rows": ({**SLICES, "min_rows": 0.5}, r"rules\[0\].min_rows: .*valid integer"),
    "a name with blanks": ({**THRESHOLD, "name": "Ranks Delays"}, r"rules\[0\].name: .*found 'Ranks Delays'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_named_by_its_place(name: str, tmp_path: Path) -> None:
    rule, told = WRONG[name]
    with pytest.raises(RulesError, match=told):
        read_rules(write(tmp_path, rule))


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, {**THRESHOLD, "minimum": 1, "metric": "f2"}, {**GAP, "max_gap": "wide"}, compete_on="speed")
    with pytest.raises(RulesError, match="has 4 wrong") as raised:
        read_rules(path)
    for place in ("compete_on", "rules[0].minimum", "rules[0].metric", "rules[1].max_gap"):
        assert place in str(raised.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("rules: [", "is no YAML"),
        ("", "the file: "),
        ("compete_on: auc\nrules: []\n", "rules: .*at least 1"),
        ("compete_on: auc\n", "rules: is missing"),
    ],
)
def test_a_file_without_rules_is_refused(content: str, told: str, tmp_path: Path) -> None:
    """Without rules, anything would be promoted."""
    path = tmp_path / "govern.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RulesError, match=told):
        read_rules(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="nothing is promoted without rules"):
        read_rules(tmp_path / "govern.yaml")


def test_two_rules_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="two rules are named ranks"):
        read_rules(write(tmp_path, THRESHOLD, {**LOSS, "name": "ranks"}))


@pytest.mark.parametrize("name", names())
def test_the_rules_of_each_use_case_stop_chance_and_a_worse_model(name: str) -> None:
    """A model that guesses, and one that is worse than the champion, never pass."""
    rules = read_rules(load(name).rules).rules
    guess = evidence(scores(auc=0.5, log_loss=0.6931, brier=0.25))
    assert not all(rule.judge(guess).passed for rule in rules)
    assert not all(rule.judge(evidence(champion=scores(auc=0.71))).passed for rule in rules if rule.kind == "champion")
    assert any(rule.kind == "champion" for rule in rules)
