"""From a plan, its usage and the price book to lines: what each resource costs in a month, or why nobody can say."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property, partial

from infra.cost.book import Price, PriceBook, counts
from infra.cost.exact import EXACT, exactly
from infra.cost.inputs import Inputs, NotKnownError
from infra.cost.machines import Piece, pieces
from infra.cost.model import INPUT, USAGE, CostModel, Line, ResourceType
from infra.cost.plan import Plan
from infra.cost.usage import Figure, Usage, figure, written
from infra.graph import Resource
from infra.stages import stage_of


@dataclass(frozen=True)
class Charge:
    """One line of the estimate.

    Attributes:
        urn, stage, cloud, region: what is charged, and where.
        what: what for, in words.
        service, sku, unit: as in the price book.
        quantity: how many units in a month; None if unknown.
        price: the list price; None if unknown.
        unknown: why the line has no amount; empty if it has one.
    """

    urn: str
    stage: str
    cloud: str
    region: str
    what: str
    service: str
    sku: str
    unit: str
    quantity: Decimal | None = None
    price: Price | None = None
    unknown: str = ""

    @cached_property
    def monthly_usd(self) -> Decimal | None:
        """US dollars in a month, exactly; None if unknown."""
        if self.unknown or self.price is None or self.quantity is None:
            return None
        return EXACT.multiply(self.quantity, self.price.price)


@dataclass(frozen=True)
class Free:
    """A resource that costs nothing, why, and where that stands."""

    urn: str
    type: str
    reason: str
    source: str


@dataclass(frozen=True)
class Estimate:
    """What an environment will cost in a month.

    Attributes:
        plan: what was priced.
        model: what said which resources cost nothing.
        charges: the lines with an amount.
        unknown: the lines without one, each with its reason.
        figures: the usage that the lines rest on, by path.
    """

    plan: Plan
    model: CostModel
    charges: tuple[Charge, ...]
    unknown: tuple[Charge, ...]
    figures: Mapping[str, Figure] = field(default_factory=dict)

    @property
    def free(self) -> tuple[Free, ...]:
        """The resources that cost nothing."""
        found = ((one, self.model.get(one.type)) for one in self.plan.graph.resources)
        return tuple(
            Free(one.urn, one.type, row.free, row.source or "") for one, row in found if row and row.free is not None
        )

    @property
    def total_monthly_usd(self) -> Decimal:
        """The sum of the lines with an amount; where lines are unknown, the least that it will be."""
        with exactly():
            return sum((one.monthly_usd for one in self.charges if one.monthly_usd is not None), Decimal(0))


def estimate(plan: Plan, usage: Usage, book: PriceBook, model: CostModel) -> Estimate:
    """Price every resource of a plan; a type that the model does not know is an unknown line."""
    pricing = _Pricing(plan, usage, book)
    charges: list[Charge] = []
    with exactly():
        for resource in plan.graph.resources:
            row = model.get(resource.type)
            if row is None or row.free is None:
                charges += pricing.resource(resource, row)
    priced = tuple(one for one in charges if not one.unknown)
    unknown = tuple(one for one in charges if one.unknown)
    return Estimate(plan, model, priced, unknown, pricing.figures)


class _Pricing:
    """Prices the lines of one plan, and keeps which figures of the usage they rest on."""

    def __init__(self, plan: Plan, usage: Usage, book: PriceBook) -> None:
        self.plan, self._usage, self._book = plan, usage, book
        self.figures: dict[str, Figure] = {}
        self._read: dict[tuple[str, str | None], Figure] = {}
        self._stages: dict[str, str] = {}

    def resource(self, resource: Resource, row: ResourceType | None) -> Iterator[Charge]:
        """Yield the charges of a resource that is not free; unknown is one whose type has no lines."""
        charge = partial(Charge, resource.urn, self._stage(resource), self.plan.cloud, self.plan.region)
        if row is None or row.unknown is not None:
            reason = row.unknown if row and row.unknown else "the cost model has no row for this type"
            yield charge(resource.type, "", "", "", unknown=reason)
            return
        inputs, model = Inputs(resource.inputs, row.defaults), self.plan.model_of(resource)
        for line in row.lines:
            yield from _Line(self, line, model, charge).charges(inputs)

    def figure(self, path: str, model: str | None) -> Decimal | None:
        """Return a figure of the usage, and keep that the estimate rests on it."""
        if (path, model) not in self._read:
            found = self._read[path, model] = figure(self._usage, path, model)
            self.figures[found.path] = found
        return self._read[path, model].value

    def find(self, service: str, sku: str) -> Price | None:
        """Return a price that holds in the plan's region."""
        return self._book.find(self.plan.cloud, service, sku, self.plan.region)

    def missing(self, service: str, sku: str) -> str:
        """Return in words that there is no such price."""
        other = self._book.elsewhere(self.plan.cloud, service, sku, self.plan.region)
        here = f"the price book has no price for {sku} in {self.plan.region}"
        return f"{here}; the nearest is {other.region}'s, which is not used" if other else here

    def _stage(self, resource: Resource) -> str:
        """Return a resource's stage, which its parents' types say: there are few of them, and many resources."""
        parents = resource.urn.split("::", 3)[2]
        if parents not in self._stages:
            self._stages[parents] = stage_of(resource.urn)
        return self._stages[parents]


@dataclass(frozen=True)
class _Line:
    """One line of a resource: what `pricing` knows, the model that the resource is of, and charges of that resource."""

    pricing: _Pricing
    line: Line
    model: str | None
    charge: Callable[..., Charge]

    def charges(self, inputs: Inputs) -> Iterator[Charge]:
        """Yield the charges: one, or one for each item of a list, or one for each part of a machine."""
        try:
            items = inputs.items(self.line.each) if self.line.each else [inputs]
        except NotKnownError as error:
            yield self._unknown(self.line.sku, str(error))
            return
        for item in items:
            try:
                yield from self._item(item)
            except NotKnownError as error:
                yield self._unknown(self.line.sku, str(error))

    def _item(self, item: Inputs) -> Iterator[Charge]:
        line, pricing = self.line, self.pricing
        if not _applies(line, item) or (line.only and pricing.figure(line.only, self.model) == 0):
            return
        sku = item.filled(line.sku)
        quantity = line.unknown or self._quantity(item)
        if isinstance(quantity, str):
            yield self._unknown(sku, quantity)
            return
        is_idle = line.idle and pricing.figure(line.idle, self.model) == 0
        what = f"{line.what}, idle: nobody asks" if is_idle else line.what
        name = str(item.known(line.machine.type)) if line.machine else ""
        for piece in pieces(pricing.plan.cloud, line, sku, name, pricing.find):
            yield self._priced(what, piece, quantity * piece.count)

    def _quantity(self, item: Inputs) -> Decimal | str:
        """Return the product of the line's factors, or which of them nobody knows."""
        product = Decimal(1)
        for factor in self.line.quantity:
            if factor.startswith(USAGE):
                value = self.pricing.figure(factor.removeprefix(USAGE), self.model)
                if value is None:
                    return f"the usage {written(factor.removeprefix(USAGE), self.model)} is unknown"
            else:
                value = item.number(factor.removeprefix(INPUT)) if factor.startswith(INPUT) else Decimal(factor)
            product *= value
        return product

    def _priced(self, what: str, piece: Piece, quantity: Decimal) -> Charge:
        service, sku, unit = self.line.service, piece.sku, piece.unit
        units = quantity / counts()[unit]
        price = self.pricing.find(service, sku)
        if price is None:
            return self._unknown(sku, self.pricing.missing(service, sku), units)
        if price.unit != unit:
            return self._unknown(sku, f"it is sold by {price.unit}, and counted by {unit}", units)
        return self.charge(what, service, sku, unit, units, price)

    def _unknown(self, sku: str, reason: str, quantity: Decimal | None = None) -> Charge:
        return self.charge(self.line.what, self.line.service, sku, self.line.unit, quantity, unknown=reason)


def _applies(line: Line, item: Inputs) -> bool:
    if line.differ and item.get(line.differ[0]) == item.get(line.differ[1]):
        return False
    if any(item.matches(path, values) for path, values in line.unless.items()):
        return False
    return all(item.matches(path, values) for path, values in line.when.items())
