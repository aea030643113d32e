"""The business rules of govern.yaml: what each kind takes, and how it judges one candidate."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ml_jobs.errors import JobError

if TYPE_CHECKING:
    from ml_jobs.scores import Scores

Metric = Literal["auc", "log_loss", "brier", "accuracy", "precision", "recall"]
LOWER_IS_BETTER = frozenset({"log_loss", "brier"})
# Sums of floats differ in the last digits between machines; that is neither gain nor loss.
ROUNDING = 1e-12
# A reason must fit into the 1,024 characters that a registry keeps.
NAMED_SLICES = 3
_KINDS = "threshold, gap, slices, champion"


class RulesError(JobError):
    """The rules file is missing or wrong; names every wrong place, what is there and what may be."""


@dataclass(frozen=True)
class Evidence:
    """What the rules know of one candidate, and of the champion (None if there is none).

    Attributes:
        metrics: by part: train, test, heldout.
        slices: held-out metrics by the slice's name.
        champion: held-out metrics of the champion, on the same rows.
        champion_version: its number.
    """

    metrics: "Mapping[str, Scores]"
    slices: "Mapping[str, Scores]"
    champion: "Scores | None" = None
    champion_version: str | None = None


@dataclass(frozen=True)
class Verdict:
    """Whether a rule is kept, and why, with the numbers."""

    passed: bool
    reason: str


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class _Rule(_Strict):
    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)
    why: str = Field(default="", max_length=300)
    metric: Metric


class _Limits(_Rule):
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _some_limit(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("needs min or max")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self

    def broken(self, value: float) -> str | None:
        """Return what a value breaks, in words; None if it keeps the limits."""
        if self.min is not None and value < self.min:
            return f"{_shown(value, self.min)} is below the lowest allowed {self.min:g}"
        if self.max is not None and value > self.max:
            return f"{_shown(value, self.max)} is above the highest allowed {self.max:g}"
        return None

    def kept(self) -> str:
        """Return the limits in words."""
        limits = (("at least", self.min), ("at most", self.max))
        return " and ".join(f"{word} {limit:g}" for word, limit in limits if limit is not None)


class Threshold(_Limits):
    """A held-out metric keeps a limit."""

    kind: Literal["threshold"]

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge one candidate."""
        heldout = evidence.metrics["heldout"]
        value = heldout[self.metric]
        if value is None:
            return _undefined(self.metric, "the held-out rows")
        rows = f"on {heldout['n']:,} rows"
        broken = self.broken(value)
        if broken:
            return Verdict(False, f"held-out {self.metric} {broken} ({rows})")
        return Verdict(True, f"held-out {self.metric} {value:.4f} is {self.kept()} ({rows})")


class Gap(_Rule):
    """A metric on the test months is not much worse than on the training months."""

    kind: Literal["gap"]
    max_gap: float = Field(ge=0)

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge one candidate."""
        train, test = (evidence.metrics.get(part, {}).get(self.metric) for part in ("train", "test"))
        if train is None or test is None:
            return _undefined(self.metric, "the training and test rows")
        gap = -_gain(self.metric, test, train)
        told = f"{self.metric} is {train:.4f} in training and {test:.4f} in test"
        if gap > self.max_gap + ROUNDING:
            return Verdict(False, f"{told}: worse by {_shown(gap, self.max_gap)}, allowed are {self.max_gap:g}")
        return Verdict(True, f"{told}: within {self.max_gap:g}")


class Slices(_Limits):
    """A held-out metric keeps a limit in every slice that has enough rows to judge."""

    kind: Literal["slices"]
    min_rows: int = Field(ge=1)

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge one candidate; the reason counts the slices that break the limit and names the largest of them."""
        judged = {name: slice_ for name, slice_ in evidence.slices.items() if (slice_["n"] or 0) >= self.min_rows}
        by_size = sorted(judged, key=lambda name: judged[name]["n"] or 0, reverse=True)
        broken = [told for name in by_size if (told := self._broken(name, judged[name]))]
        some = f"of {len(judged)} slices with at least {self.min_rows:,} rows"
        if broken:
            named = ", ".join(broken[:NAMED_SLICES]) + (", ..." if len(broken) > NAMED_SLICES else "")
            return Verdict(False, f"{self.metric} in {len(broken)} {some}: {named}")
        if not judged:
            return Verdict(True, f"no slice has {self.min_rows:,} rows")
        return Verdict(True, f"{self.metric} is {self.kept()} in each {some}")

    def _broken(self, name: str, slice_: "Scores") -> str | None:
        value = slice_[self.metric]
        told = "is not defined" if value is None else self.broken(value)
        return f"{name} {told} (n {slice_['n']:,})" if told else None


class Champion(_Rule):
    """A candidate gains enough over the approved model of today; with `min_gain` 0 an equal one passes."""

    kind: Literal["champion"]
    min_gain: float = Field(ge=0)

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge one candidate; without a champion every candidate passes."""
        if evidence.champion is None:
            return Verdict(True, "there is no champion yet")
        value, before = evidence.metrics["heldout"][self.metric], evidence.champion[self.metric]
        if value is None or before is None:
            return _undefined(self.metric, "the held-out rows")
        gain = _gain(self.metric, value, before)
        champion = f"the champion's {_shown(before, value)} (version {evidence.champion_version})"
        told = f"held-out {self.metric} {_shown(value, before)} against {champion}"
        if gain < self.min_gain - ROUNDING:
            word = "worse" if gain < 0 else "better"
            return Verdict(False, f"{told}: {word} by {abs(gain):.2g}, asked is a gain of {self.min_gain:g}")
        if abs(gain) <= ROUNDING:
            return Verdict(True, f"{told}: equal, and equal is enough")
        return Verdict(True, f"{told}: {'better' if gain > 0 else 'worse'} by {abs(gain):.2g}")


Rule = Annotated[Threshold | Gap | Slices | Champion, Field(discriminator="kind")]


class Rules(_Strict):
    """All of a use case's rules.

    Attributes:
        compete_on: the held-out metric by which the best of the candidates that keep all rules is found.
        rules: at least one, or anything would be promoted.
    """

    compete_on: Metric
    rules: list[Rule] = Field(min_length=1)

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        names = [rule.name for rule in self.rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two rules are named {', '.join(twice)}")
        return self

    def better(self, value: float, other: float) -> bool:
        """Say whether a value of `compete_on` is better than another, by more than rounding."""
        return _gain(self.compete_on, value, other) > ROUNDING


def read_rules(path: Path) -> Rules:
    """Return the rules of a file.

    Raises:
        RulesError: there is no such file, it is no YAML, or rules are wrong: all of them are named at once.
    """
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RulesError(f"{path} is missing: nothing is promoted without rules") from error
    except yaml.YAMLError as error:
        raise RulesError(f"{path} is no YAML: {error}") from error
    try:
        return Rules.model_validate(content)
    except ValidationError as error:
        problems = [_problem(dict(detail)) for detail in error.errors(include_url=False)]
        raise RulesError(f"{path} has {len(problems)} wrong: {'; '.join(problems)}") from error


def _problem(detail: dict[str, Any]) -> str:
    """Say one problem: where (rules[1].max_gap), what, and what is there; the kinds are no part of the path."""
    place = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}"
        for position, part in enumerate(detail["loc"])
        if not (position == 2 and part in _KINDS.split(", "))
    ).lstrip(".")
    told = {
        "extra_forbidden": "is no key here",
        "missing": "is missing",
        "union_tag_invalid": f"kind can be {_KINDS}",
        "union_tag_not_found": f"kind is missing; it can be {_KINDS}",
    }.get(detail["type"], detail["msg"].removeprefix("Value error, "))
    shown = "" if isinstance(detail["input"], dict | list) else f" (found {detail['input']!r})"
    return f"{place or 'the file'}: {told}{shown}"


def _gain(metric: str, value: float, other: float) -> float:
    """Return by how much a value is better than another; negative where it is worse."""
    return other - value if metric in LOWER_IS_BETTER else value - other


def _shown(value: float, beside: float) -> str:
    """Return a number with four decimals, or with all of them where it would look like the one beside it."""
    return repr(value) if value != beside and f"{value:.4f}" == f"{beside:.4f}" else f"{value:.4f}"


def _undefined(metric: str, where: str) -> Verdict:
    return Verdict(False, f"{metric} is not defined on {where}")
