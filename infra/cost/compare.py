"""One definition priced on two clouds by one usage: side by side, and where they cross over."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from components.stages import STAGES
from infra.cost.book import PriceBook
from infra.cost.estimate import Charge, Estimate, estimate
from infra.cost.exact import exactly
from infra.cost.model import USAGE, cost_model
from infra.cost.plan import Plan
from infra.cost.usage import Model, Usage

REQUESTS = f"{USAGE}models.requests"
FINEST = 10**12
"""What a request is cut into where a share of one has no end in decimals."""


@dataclass(frozen=True)
class Cell:
    """What one cloud takes for something.

    Attributes:
        monthly_usd: the sum of the lines with an amount.
        lines, unknown: how many lines it has, with and without an amount.
    """

    monthly_usd: Decimal
    lines: int
    unknown: int


@dataclass(frozen=True)
class Row:
    """What both clouds take for the same thing."""

    stage: str
    what: str
    cells: tuple[Cell, Cell]


@dataclass(frozen=True)
class Course:
    """What a cloud costs by the number of requests, of the lines with an amount: a straight line.

    Attributes:
        fixed_usd: US dollars a month without a request.
        per_request_usd: what each adds.
        unknown: the lines without an amount that grow with the requests.
    """

    fixed_usd: Fraction
    per_request_usd: Fraction
    unknown: tuple[Charge, ...]


@dataclass(frozen=True)
class Crossing:
    """Where both clouds cost the same.

    Attributes:
        requests: how many requests a month, exactly.
        whole: the first whole number that is not less.
        totals: what both cost at that number, estimated anew.
    """

    requests: Fraction
    whole: int
    totals: tuple[Decimal, Decimal]


@dataclass(frozen=True)
class Comparison:
    """One definition on two clouds.

    Attributes:
        sides: the estimates, in the order that was asked for.
        rows: what they pay for, by stage.
        shares: which part of all requests each model gets.
        is_stated: whether the usage says so; else each model gets as many.
        courses: what each costs by the number of requests.
        crossing: where both cost the same; None if they do so nowhere, or everywhere.
    """

    sides: tuple[Estimate, Estimate]
    rows: tuple[Row, ...]
    shares: Mapping[str, Fraction]
    is_stated: bool
    courses: tuple[Course, Course]
    crossing: Crossing | None

    @property
    def clouds(self) -> tuple[str, str]:
        """The clouds' names."""
        one, other = self.sides
        return one.plan.cloud, other.plan.cloud

    def cheaper(self, *, many: bool) -> str | None:
        """Return the cheaper cloud with few requests, or with many; None if both cost the same there."""
        one, other = ((course.fixed_usd, course.per_request_usd) for course in self.courses)
        if many and one[1] != other[1]:
            one, other = one[::-1], other[::-1]
        return None if one == other else self.clouds[0] if one < other else self.clouds[1]


def compare(plans: tuple[Plan, Plan], usage: Usage, book: PriceBook) -> Comparison:
    """Price both plans, and solve for the number of requests at which they cost the same.

    Raises:
        ArithmeticError: a line is not proportional to the requests, so that nothing can be solved.
    """
    pricing = _Pricing(plans, usage, book)
    sides = pricing.sides(usage)
    courses = pricing.courses()
    return Comparison(sides, rows(sides), pricing.shares, pricing.is_stated, courses, pricing.crossing(courses))


def rows(sides: tuple[Estimate, Estimate]) -> tuple[Row, ...]:
    """Return what both sides pay for, by stage in the platform's order."""
    found: dict[tuple[str, str], tuple[list[Charge], list[Charge]]] = {}
    for side, one in enumerate(sides):
        for charge in (*one.charges, *one.unknown):
            found.setdefault((charge.stage, charge.what), ([], []))[side].append(charge)
    order = {stage: place for place, stage in enumerate(STAGES)}
    keyed = sorted(found.items(), key=lambda item: order.get(item[0][0], len(order)))
    return tuple(Row(*key, (_cell(one), _cell(other))) for key, (one, other) in keyed)


def _cell(charges: list[Charge]) -> Cell:
    amounts = [one.monthly_usd for one in charges if one.monthly_usd is not None]
    with exactly():
        return Cell(sum(amounts, Decimal(0)), len(amounts), len(charges) - len(amounts))


class _Pricing:
    """Prices two plans at any number of requests."""

    def __init__(self, plans: tuple[Plan, Plan], usage: Usage, book: PriceBook) -> None:
        self._plans, self._usage, self._book = plans, usage, book
        models = plans[0].models
        stated = {name: usage.models.get(name, Model()).requests for name in models}
        known = {name: Fraction(count) for name, count in stated.items() if count is not None}
        self.is_stated = len(known) == len(models) and sum(known.values()) > 0
        counts = known if self.is_stated else dict.fromkeys(models, Fraction(1))
        self._measured = sum(counts.values(), Fraction(0))
        self.shares = {name: count / self._measured for name, count in counts.items()}

    def sides(self, usage: Usage) -> tuple[Estimate, Estimate]:
        """Estimate both plans by a usage."""
        one, other = (estimate(plan, usage, self._book, cost_model(plan.cloud)) for plan in self._plans)
        return one, other

    def at(self, requests: Fraction) -> tuple[Estimate, Estimate]:
        """Estimate both plans with so many requests, which the models share as ever."""
        models = dict(self._usage.models)
        for name, share in self.shares.items():
            count = {"requests": decimal(requests * share)}
            models[name] = models.get(name, Model()).model_copy(update=count)
        return self.sides(self._usage.model_copy(update={"models": models}))

    def courses(self) -> tuple[Course, Course]:
        """Return the straight line of each plan, from none and as many requests as are stated."""
        none, some = self.at(Fraction(0)), self.at(self._measured)
        one, other = (_course(*both, self._measured) for both in zip(none, some, strict=True))
        return one, other

    def crossing(self, courses: tuple[Course, Course]) -> Crossing | None:
        """Return where both lines meet, if they do so at a number of requests; proved by estimating it anew."""
        one, other = courses
        slope = one.per_request_usd - other.per_request_usd
        requests = (other.fixed_usd - one.fixed_usd) / slope if slope else Fraction(-1)
        if requests < 0:
            return None
        self._prove(slope, requests)
        whole = math.ceil(requests)
        totals = tuple(one.total_monthly_usd for one in self.at(Fraction(whole)))
        return Crossing(requests, whole, (totals[0], totals[1]))

    def _prove(self, slope: Fraction, requests: Fraction) -> None:
        """Estimate anew on both sides of a crossing, where every model's share is as exact as what was stated."""
        times = requests / self._measured
        for count in (self._measured * math.floor(times), self._measured * math.ceil(times)):
            if self._gap(count) != slope * (count - requests):
                raise ArithmeticError(f"the cost is not linear in the requests: not at {count} of them")

    def _gap(self, requests: Fraction) -> Fraction:
        one, other = (Fraction(side.total_monthly_usd) for side in self.at(requests))
        return one - other


def _course(none: Estimate, some: Estimate, requests: Fraction) -> Course:
    fixed = Fraction(none.total_monthly_usd)
    slope = (Fraction(some.total_monthly_usd) - fixed) / requests
    types = {one.urn: one.type for one in some.plan.graph.resources}
    model = cost_model(some.plan.cloud).items()
    growing = {(name, line.what) for name, row in model for line in row.lines if REQUESTS in line.quantity}
    unknown = tuple(one for one in some.unknown if (types[one.urn], one.what) in growing)
    return Course(fixed, slope, unknown)


def decimal(number: Fraction) -> Decimal:
    """Return a number as a decimal: exactly if it has an end, else cut off at a millionth of a millionth."""
    with exactly():
        scale = next((10**digits for digits in range(60) if not number * 10**digits % 1), FINEST)
        return Decimal(math.floor(number * scale)).scaleb(1 - len(str(scale)))
