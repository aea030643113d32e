"""From a plan, its usage and the price book to lines: what each resource costs in a month, or why nobody can say."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from infra.cost.book import Price, PriceBook, counts
from infra.cost.exact import exactly
from infra.cost.inputs import Inputs, NotKnownError
from infra.cost.machines import pieces
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

    @property
    def monthly_usd(self) -> Decimal | None:
        """US dollars in a month, exactly; None if unknown."""
        if self.unknown or self.price is None or self.quantity is None:
            return None
        with exactly():
            return self.quantity * self.price.price


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
        charges: the lines with an amount.
        unknown: the lines without one, each with its reason.
        free: the resources that cost nothing.
        figures: the usage that the lines rest on, by path.
    """

    plan: Plan
    charges: tuple[Charge, ...]
    unknown: tuple[Charge, ...]
    free: tuple[Free, ...]
    figures: Mapping[str, Figure] = field(default_factory=dict)

    @property
    def total_monthly_usd(self) -> Decimal:
        """The sum of the lines with an amount; where lines are unknown, the least that it will be."""
        with exactly():
            return sum((one.monthly_usd for one in self.charges if one.monthly_usd is not None), Decimal(0))


def estimate(plan: Plan, usage: Usage, book: PriceBook, model: CostModel) -> Estimate:
    """Price every resource of a plan; a type that the model does not know is an unknown line."""
    pricing = _Pricing(plan, usage, book)
    free: list[Free] = []
    charges: list[Charge] = []
    with exactly():
        for resource in plan.graph.resources:
            row = model.get(resource.type)
            if row is not None and row.free is not None:
                free.append(Free(resource.urn, resource.type, row.free, row.source or ""))
            else:
                charges += pricing.resource(resource, row)
    priced = tuple(one for one in charges if not one.unknown)
    unknown = tuple(one for one in charges if one.unknown)
    return Estimate(plan, priced, unknown, tuple(free), pricing.figures)


class _Pricing:
    """Prices the lines of one plan, and keeps which figures of the usage they rest on."""

    def __init__(self, plan: Plan, usage: Usage, book: PriceBook) -> None:
        self._plan, self._usage, self._book = plan, usage, book
        self.figures: dict[str, Figure] = {}
        self._stages: dict[str, str] = {}

    def resource(self, resource: Resource, row: ResourceType | None) -> Iterator[Charge]:
        """Yield the charges of a resource that is not free; unknown is one whose type has no lines."""
        if row is None or row.unknown is not None:
            reason = row.unknown if row and row.unknown else "the cost model has no row for this type"
            yield Charge(
                resource.urn, self._stage(resource), self._plan.cloud, self._plan.region, resource.type, "", "", "",
                unknown=reason,
            )  # fmt: skip
            return
        inputs = Inputs(resource.inputs, row.defaults)
        for line in row.lines:
            yield from self._line(resource, line, inputs)

    def _line(self, resource: Resource, line: Line, inputs: Inputs) -> Iterator[Charge]:
        """Yield the charges of a line: one, or one for each item of a list, or one for each part of a machine."""
        try:
            items = inputs.items(line.each) if line.each else [inputs]
        except NotKnownError as error:
            yield self._unknown(resource, line, line.sku, str(error))
            return
        for item in items:
            try:
                yield from self._item(resource, line, item)
            except NotKnownError as error:
                yield self._unknown(resource, line, line.sku, str(error))

    def _item(self, resource: Resource, line: Line, item: Inputs) -> Iterator[Charge]:
        if not _applies(line, item):
            return
        model = self._plan.model_of(resource)
        if line.only and self._figure(line.only, model) == 0:
            return
        sku = item.filled(line.sku)
        if line.unknown:
            yield self._unknown(resource, line, sku, line.unknown)
            return
        if line.idle and self._figure(line.idle, model) == 0:
            line = line.model_copy(update={"what": f"{line.what}, idle: nobody asks"})
        quantity = self._quantity(line, item, model)
        if isinstance(quantity, str):
            yield self._unknown(resource, line, sku, quantity)
            return
        name = str(item.known(line.machine.type)) if line.machine else ""
        for piece in pieces(self._plan.cloud, line, sku, name, self._find):
            yield self._charge(resource, line, piece.sku, piece.unit, quantity * piece.count)

    def _quantity(self, line: Line, item: Inputs, model: str | None) -> Decimal | str:
        """Return the product of a line's factors, or which of them nobody knows."""
        product = Decimal(1)
        for factor in line.quantity:
            if factor.startswith(USAGE):
                value = self._figure(factor.removeprefix(USAGE), model)
                if value is None:
                    return f"the usage {written(factor.removeprefix(USAGE), model)} is unknown"
            else:
                value = item.number(factor.removeprefix(INPUT)) if factor.startswith(INPUT) else Decimal(factor)
            product *= value
        return product

    def _figure(self, path: str, model: str | None) -> Decimal | None:
        """Return a figure of the usage, and keep that the estimate rests on it."""
        found = figure(self._usage, path, model)
        self.figures[found.path] = found
        return found.value

    def _charge(self, resource: Resource, line: Line, sku: str, unit: str, quantity: Decimal) -> Charge:
        units = quantity / counts()[unit]
        price = self._find(line.service, sku)
        if price is None:
            return self._unknown(resource, line, sku, self._missing(line.service, sku), units)
        if price.unit != unit:
            return self._unknown(resource, line, sku, f"it is sold by {price.unit}, and counted by {unit}", units)
        return Charge(
            resource.urn,
            self._stage(resource),
            self._plan.cloud,
            self._plan.region,
            line.what,
            line.service,
            sku,
            unit,
            units,
            price,
        )

    def _stage(self, resource: Resource) -> str:
        """Return a resource's stage, which its parents' types say: there are few of them, and many resources."""
        parents = resource.urn.split("::", 3)[2]
        if parents not in self._stages:
            self._stages[parents] = stage_of(resource.urn)
        return self._stages[parents]

    def _find(self, service: str, sku: str) -> Price | None:
        return self._book.find(self._plan.cloud, service, sku, self._plan.region)

    def _missing(self, service: str, sku: str) -> str:
        other = self._book.elsewhere(self._plan.cloud, service, sku, self._plan.region)
        here = f"the price book has no price for {sku} in {self._plan.region}"
        return f"{here}; the nearest is {other.region}'s, which is not used" if other else here

    def _unknown(
        self, resource: Resource, line: Line, sku: str, reason: str, quantity: Decimal | None = None
    ) -> Charge:
        return Charge(
            resource.urn,
            self._stage(resource),
            self._plan.cloud,
            self._plan.region,
            line.what,
            line.service,
            sku,
            line.unit,
            quantity,
            unknown=reason,
        )


def _applies(line: Line, item: Inputs) -> bool:
    if line.differ and item.get(line.differ[0]) == item.get(line.differ[1]):
        return False
    if any(item.matches(path, values) for path, values in line.unless.items()):
        return False
    return all(item.matches(path, values) for path, values in line.when.items())
