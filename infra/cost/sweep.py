"""Estimates again with other usage: with none, which leaves what is fixed, and with other numbers of requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from infra.cost.book import PriceBook
from infra.cost.estimate import Charge, Estimate, estimate
from infra.cost.exact import exactly
from infra.cost.model import CostModel
from infra.cost.plan import Plan
from infra.cost.usage import Model, Part, Usage

# Times the stated requests: from a hundredth to the hundredfold, six steps to a power of ten, three digits each.
STEPS = ("1", "1.47", "2.15", "3.16", "4.64", "6.81")
FACTORS = (*(Decimal(step).scaleb(power) for power in range(-2, 2) for step in STEPS), Decimal(100))


@dataclass(frozen=True)
class Basis:
    """All that an estimate rests on."""

    plan: Plan
    usage: Usage
    book: PriceBook
    model: CostModel

    def estimated(self) -> Estimate:
        """Estimate what the environment will cost."""
        return estimate(self.plan, self.usage, self.book, self.model)

    def without_use(self) -> Estimate:
        """Estimate with every figure of the usage at 0: what is left is charged even if nobody uses anything."""
        parts = {name: _nothing(type(getattr(self.usage, name))) for name in Usage.model_fields if name != "models"}
        models = {name: _nothing(Model) for name in self.plan.models}
        return replace(self, usage=self.usage.model_copy(update={**parts, "models": models})).estimated()

    def asked(self, requests: Mapping[str, Decimal]) -> Estimate:
        """Estimate with other requests a month, by model; the rest of the usage is as it was."""
        models = {name: self.model_usage(name) for name in self.plan.models}
        changed = {name: models[name].model_copy(update={"requests": asked}) for name, asked in requests.items()}
        usage = self.usage.model_copy(update={"models": {**models, **changed}})
        return replace(self, usage=usage).estimated()

    def requests(self) -> Mapping[str, Decimal]:
        """Return the requests a month that the usage has, by model; a model whose are unknown is left out."""
        stated = {name: self.model_usage(name).requests for name in self.plan.models}
        return {name: requests for name, requests in stated.items() if requests is not None}

    def model_usage(self, name: str) -> Model:
        """Return the usage of a model; where the file says nothing of it, that is all defaults."""
        return self.usage.models.get(name, Model())


def _nothing(part: type[Part]) -> Part:
    """Return a part of the usage in which every figure is 0."""
    return part.model_validate(dict.fromkeys(part.model_fields, 0))


@dataclass(frozen=True)
class Split:
    """What an environment, or a part of it, costs in a month.

    Attributes:
        fixed: US dollars that are charged even if nobody uses anything.
        per_use: US dollars that come with the usage.
        is_fixed_unknown, is_per_use_unknown: a line of it is unknown, so that the amount is the least that it will be.
    """

    fixed: Decimal
    per_use: Decimal
    is_fixed_unknown: bool
    is_per_use_unknown: bool

    @property
    def total(self) -> Decimal:
        """Both together."""
        with exactly():
            return self.fixed + self.per_use

    @property
    def is_at_least(self) -> bool:
        """Whether a line is unknown."""
        return self.is_fixed_unknown or self.is_per_use_unknown


def split(found: Estimate, without: Estimate, key: str = "cloud") -> Mapping[str, Split]:
    """Return what is fixed and what comes with use, by an attribute of the lines, such as `stage` or `service`.

    Args:
        found: the estimate.
        without: the same without use.
        key: the attribute; the cloud, which all lines share, for the whole.
    """
    names = dict.fromkeys(getattr(one, key) for one in (*found.charges, *found.unknown))
    return {name: _split(*(_only(one, key, name) for one in (found, without))) for name in names}


def _only(found: Estimate, key: str, name: str) -> Estimate:
    def of(charges: Sequence[Charge]) -> tuple[Charge, ...]:
        return tuple(one for one in charges if getattr(one, key) == name)

    return replace(found, charges=of(found.charges), unknown=of(found.unknown))


def _split(found: Estimate, without: Estimate) -> Split:
    fixed = without.total_monthly_usd
    with exactly():
        per_use = found.total_monthly_usd - fixed
    # An unknown line of a known quantity is fixed as far as it is there without use; of an unknown one, it may be both.
    left = {_line(one) for one in without.unknown if one.quantity is None or one.quantity > 0}
    is_per_use_unknown = any(one.quantity is None or _line(one) not in left for one in found.unknown)
    return Split(fixed, per_use, bool(left), is_per_use_unknown)


def _line(charge: Charge) -> tuple[object, ...]:
    # Not by `what`: without use, that of an endpoint says that it is idle.
    return charge.urn, charge.service, charge.sku, charge.quantity


@dataclass(frozen=True)
class Point:
    """A number of requests a month, all models together, and what it costs.

    Attributes:
        requests: how many.
        fixed: US dollars a month without any use.
        other: US dollars a month that come with other use than requests.
        by_requests: US dollars a month that come with the requests.
    """

    requests: Decimal
    fixed: Decimal
    other: Decimal
    by_requests: Decimal

    @property
    def total(self) -> Decimal:
        """All together."""
        with exactly():
            return self.fixed + self.other + self.by_requests


@dataclass(frozen=True)
class Sweep:
    """Cost against requests.

    Attributes:
        points: from few requests to many.
        stated: how many the usage has, all models together; None if it has none, or they are unknown.
        is_assumed: whether that, or a part of it, is the documented default.
        left_out: the models whose requests are unknown.
    """

    points: tuple[Point, ...]
    stated: Decimal | None
    is_assumed: bool
    left_out: tuple[str, ...]

    @property
    def called(self) -> str:
        """What the usage's number of requests is."""
        return "assumed" if self.is_assumed else "stated"


def sweep(basis: Basis, without: Estimate) -> Sweep:
    """Estimate at many numbers of requests: those of all models are multiplied by the same factor.

    Where nobody asks, each model is taken to be asked as often as the documented default says.
    """
    stated = basis.requests()
    total = sum(stated.values(), Decimal(0))
    asked = stated if total else dict.fromkeys(stated, Model().requests or Decimal(1))
    fixed = without.total_monthly_usd
    unasked = basis.asked(dict.fromkeys(stated, Decimal(0))).total_monthly_usd
    points: list[Point] = []
    with exactly():
        for factor in FACTORS if asked else ():
            requests = {name: one * factor for name, one in asked.items()}
            cost = basis.asked(requests).total_monthly_usd
            points.append(Point(sum(requests.values(), Decimal(0)), fixed, unasked - fixed, cost - unasked))
    left_out = tuple(name for name in basis.plan.models if name not in stated)
    is_assumed = any("requests" not in basis.model_usage(name).model_fields_set for name in stated)
    return Sweep(tuple(points), total or None, is_assumed, left_out)
