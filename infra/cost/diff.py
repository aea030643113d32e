"""What a change adds or saves: the lines of what stands against those of what is declared, by one usage and one book.

A line without an amount is never taken for nothing. On both sides alike it changes nothing; else the difference is only
`at least`, `at most` or, with both, unknown: no price is below 0.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from infra.cost.estimate import Charge, Estimate
from infra.cost.exact import exactly
from infra.cost.inputs import Inputs, NotKnownError
from infra.cost.model import INPUT, Line, cost_model
from infra.graph import Resource

Kind = Literal["added", "removed", "changed"]
Bound = Literal["exact", "at least", "at most", "unknown"]
Pair = tuple[Charge | None, Charge | None]


@dataclass(frozen=True)
class Change:
    """One line that differs.

    Attributes:
        before: the line of what stands; None if it is added.
        after: the line of what is declared; None if it is removed.
    """

    before: Charge | None
    after: Charge | None

    @property
    def kind(self) -> Kind:
        """What becomes of the line."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"

    @property
    def line(self) -> Charge:
        """The line that names it: the declared one, if there is one."""
        found = self.after or self.before
        assert found is not None  # noqa: S101 - a change has a side
        return found

    @property
    def bound(self) -> Bound:
        """How far its part of the difference is known."""
        grows, shrinks = _is_unknown(self.after), _is_unknown(self.before)
        if grows and shrinks:
            return _bound_of_unknown(self.before, self.after)
        return "at least" if grows else "at most" if shrinks else "exact"

    @property
    def difference_usd(self) -> Decimal:
        """US dollars that it adds a month, below 0 for what it saves; a side without an amount counts nothing here."""
        with exactly():
            return _amount(self.after) - _amount(self.before)


@dataclass(frozen=True)
class Difference:
    """What lies between what stands and what is declared.

    Attributes:
        before: what stands; None if nothing does.
        after: what is declared.
        changes: the lines that differ.
        alike: how many lines are unknown on both sides, and alike.
    """

    before: Estimate | None
    after: Estimate
    changes: tuple[Change, ...]
    alike: int

    @property
    def difference_usd(self) -> Decimal:
        """US dollars that it adds a month, of the lines with an amount."""
        with exactly():
            return self.after.total_monthly_usd - (self.before.total_monthly_usd if self.before else Decimal(0))

    @property
    def bound(self) -> Bound:
        """How far the difference is known."""
        return bound_of(self.changes)


def bound_of(changes: Iterable[Change]) -> Bound:
    """Return how far the difference of some lines together is known."""
    bounds = {one.bound for one in changes} - {"exact"}
    return bounds.pop() if len(bounds) == 1 else "unknown" if bounds else "exact"


def difference(before: Estimate | None, after: Estimate) -> Difference:
    """Compare what stands with what is declared; both are priced by the same usage and the same book."""
    alike, changes = 0, []
    read = _Reader(before, after)
    for pair in _paired(before, after):
        if read.are_alike(*pair):
            alike += _is_unknown(pair[1])
        else:
            changes.append(Change(*pair))
    return Difference(before, after, tuple(changes), alike)


def _is_unknown(charge: Charge | None) -> bool:
    return charge is not None and charge.monthly_usd is None


def _amount(charge: Charge | None) -> Decimal:
    found = charge.monthly_usd if charge else None
    return Decimal(0) if found is None else found


def _bound_of_unknown(before: Charge | None, after: Charge | None) -> Bound:
    """Return which way a line goes whose price nobody knows: that of one thing goes with its quantity."""
    if before is None or after is None or before.quantity is None or after.quantity is None:
        return "unknown"
    one_thing = all(getattr(before, name) == getattr(after, name) for name in ("cloud", "region", "sku", "unit"))
    if not one_thing or before.quantity == after.quantity:
        return "unknown"
    return "at least" if after.quantity > before.quantity else "at most"


def _paired(before: Estimate | None, after: Estimate) -> Iterator[Pair]:
    """Yield lines that are of one thing; a resource that is made anew under another name is still the same thing."""
    old = [] if before is None else [*before.charges, *before.unknown]
    new = [*after.charges, *after.unknown]
    owners = _owners(before) | _owners(after)

    def thing(one: Charge) -> tuple[Hashable, ...]:
        return one.stage, one.urn.split("::")[2].rpartition("$")[2], owners.get(one.urn), one.what

    steps: tuple[Callable[[Charge], Hashable], ...] = (
        lambda one: (one.urn, one.what, one.sku, one.unit, one.quantity),
        lambda one: (one.urn, one.what, one.sku),
        lambda one: (one.urn, one.what),
        lambda one: (*thing(one), one.sku, one.quantity),
        thing,
    )
    for key in steps:
        found, old, new = _matched(old, new, key)
        yield from found
    yield from ((one, None) for one in old)
    yield from ((None, one) for one in new)


def _matched(
    old: Iterable[Charge], new: Iterable[Charge], key: Callable[[Charge], Hashable]
) -> tuple[list[Pair], list[Charge], list[Charge]]:
    """Return pairs of one key, in their order, and what is left of both sides."""
    waiting: dict[Hashable, list[Charge]] = {}
    for one in old:
        waiting.setdefault(key(one), []).append(one)
    pairs: list[Pair] = []
    left: list[Charge] = []
    for one in new:
        same = waiting.get(key(one))
        if same:
            pairs.append((same.pop(0), one))
        else:
            left.append(one)
    return pairs, [one for ones in waiting.values() for one in ones], left


def _owners(estimate: Estimate | None) -> dict[str, str | None]:
    """Return the model of each resource, by URN."""
    return {one.urn: estimate.plan.model_of(one) for one in estimate.plan.graph.resources} if estimate else {}


@dataclass
class _Reader:
    """Tells whether two lines are alike; reads the resources behind those whose quantity nobody knows."""

    before: Estimate | None
    after: Estimate
    _resources: list[dict[str, Resource]] = field(init=False)

    def __post_init__(self) -> None:
        sides = (self.before, self.after)
        self._resources = [{one.urn: one for one in side.plan.graph.resources} if side else {} for side in sides]

    def are_alike(self, before: Charge | None, after: Charge | None) -> bool:
        """True for two lines that cost the same, known or not."""
        if before is None or after is None or _is_unknown(before) != _is_unknown(after):
            return False
        if not _is_unknown(after):
            return before.monthly_usd == after.monthly_usd
        same = ("cloud", "region", "service", "sku", "unit", "quantity", "unknown")
        if any(getattr(before, name) != getattr(after, name) for name in same):
            return False
        return after.quantity is not None or self._inputs(0, before) == self._inputs(1, after)

    def _inputs(self, side: int, charge: Charge) -> list[Any]:
        """Return everything that the cost model reads of the resource behind a line."""
        resource = self._resources[side][charge.urn]
        row = cost_model(charge.cloud).get(resource.type)
        inputs = Inputs(resource.inputs, row.defaults if row else {})
        return [value for line in (row.lines if row else ()) for value in _read(line, inputs)]


def _read(line: Line, inputs: Inputs) -> Iterator[Any]:
    """Yield the inputs that make a line's quantity, and those that decide whether it is charged."""
    try:
        items = inputs.items(line.each) if line.each else [inputs]
    except NotKnownError:
        yield None
        return
    factors = (factor.removeprefix(INPUT) for factor in line.quantity if factor.startswith(INPUT))
    paths = [*factors, *line.when, *line.unless, *(line.differ or ())]
    yield from (item.get(path) for item in items for path in paths)
