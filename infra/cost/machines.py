"""What a machine is sold as, what an hour of it costs, and which of those that meet a need costs least."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from components.machines import MachineType, Use, fitting, machine_types
from components.spec import Machine, Spec
from infra.cost.book import Price, PriceBook, counts, read_book
from infra.cost.exact import exactly
from infra.cost.model import Line, cost_model

Find = Callable[[str, str], Price | None]
"""From service and sku to the price of the region, or of no region in particular."""

_TYPE = re.compile(r"\{[\w.]+\}")


@dataclass(frozen=True)
class Piece:
    """What a machine is sold as, whole or in part: how many of it an hour of the machine takes."""

    sku: str
    unit: str
    count: Decimal


@dataclass(frozen=True)
class Offer:
    """A machine type and US dollars for an hour of it; None if the book has no price of it in the region."""

    machine: MachineType
    usd_an_hour: Decimal | None


@dataclass(frozen=True)
class Choice:
    """Which machine type is taken for what.

    Attributes:
        use: what the machine is for.
        model: whose it is; None if it is every model's.
        wanted: the need, or the type that the configuration names.
        chosen: what is taken.
        reason: why, in words.
        runners_up: what else would do, the cheapest first and those without a price last.
    """

    use: Use
    model: str | None
    wanted: Machine | str
    chosen: Offer
    reason: str
    runners_up: tuple[Offer, ...]


def pieces(cloud: str, line: Line, sku: str, name: str, find: Find) -> tuple[Piece, ...]:
    """Return what a machine type is sold as.

    That is the whole, but for a line that may be priced by parts, where cores and memory have prices and the whole has
    none; an unknown type has no parts.
    """
    whole = (Piece(sku, line.unit, Decimal(1)),)
    if line.machine is None or find(line.service, sku) is not None:
        return whole
    size = next((one for one in machine_types(cloud) if one.type == name), None)
    family = name.split("-", maxsplit=1)[0]
    core, memory = (text.replace("{family}", family) for text in (line.machine.core, line.machine.memory))
    if size is None or find(line.service, core) is None or find(line.service, memory) is None:
        return whole
    return (
        Piece(core, line.machine.core_unit, Decimal(size.cpus)),
        Piece(memory, line.machine.memory_unit, Decimal(str(size.memory_gib))),
    )


def usd_an_hour(book: PriceBook, cloud: str, region: str, use: Use, name: str) -> Decimal | None:
    """Return US dollars for an hour of a machine type, exactly; None if the book does not say it for the region."""

    def find(service: str, sku: str) -> Price | None:
        return book.find(cloud, service, sku, region)

    line = _line(cloud, use)
    total = Decimal(0)
    with exactly():
        for piece in pieces(cloud, line, _TYPE.sub(name.lower(), line.sku), name, find):
            price = find(line.service, piece.sku)
            if price is None or price.unit != piece.unit:
                return None
            total += piece.count / counts()[piece.unit] * price.price
    return total


@cache
def _line(cloud: str, use: Use) -> Line:
    """Return the line of the cost model by which machines of a use are charged."""
    (found,) = (line for row in cost_model(cloud).values() for line in row.lines if line.use == use)
    return found


def choose(book: PriceBook, cloud: str, region: str, use: Use, wanted: Machine | str) -> Choice:
    """Return the cheapest type that meets a need, with what else would do; a named type is taken as it is.

    Of two at one price it is the one with fewer cpus, then less memory, then the first by name. What has no price in
    the region is not compared: it is taken only where nothing that meets the need has one, the smallest of them then.

    Raises:
        NoMachineError: nothing meets the need, or the named type may not be used so.
    """
    offers = [Offer(one, usd_an_hour(book, cloud, region, use, one.type)) for one in fitting(cloud, use, wanted)]
    first, *others = sorted(offers, key=_order)
    reason = "named in the configuration" if isinstance(wanted, str) else _reason(offers, region)
    return Choice(use, None, wanted, first, reason, tuple(others))


def _order(offer: Offer) -> tuple[bool, Decimal, int, float, str]:
    machine = offer.machine
    return (
        offer.usd_an_hour is None,
        offer.usd_an_hour or Decimal(0),
        machine.cpus,
        machine.memory_gib,
        machine.type,
    )


def _reason(offers: list[Offer], region: str) -> str:
    count = sum(1 for one in offers if one.usd_an_hour is not None)
    if not count:
        return f"the smallest: the price book has no price in {region} for any of the {len(offers)} that would do"
    least = "the only one" if count == 1 else f"the cheapest of {count}"
    unpriced = len(offers) - count
    rest = f", and cannot be compared with {unpriced} that the price book has none of" if unpriced else ""
    return f"{least} with a price in {region}{rest}"


def choices(spec: Spec, book: PriceBook) -> tuple[Choice, ...]:
    """Return which machines an environment takes: for training, for all other steps, for each model's endpoint."""
    return tuple(
        Choice(use, model, wanted, found.chosen, found.reason, found.runners_up)
        for use, model, wanted in _wanted(spec)
        for found in [choose(book, spec.cloud, spec.region, use, wanted)]
    )


def chosen_types(spec: Spec) -> Mapping[tuple[Use, str | None], str]:
    """Return the machine types that an environment takes, by use and model.

    The price book is read only if the configuration states a need.

    Raises:
        ConfigError: the price book is wrong.
        NoMachineError: nothing meets a need, which reading the configuration has told already.
    """
    return {(use, model): _type(spec, use, wanted) for use, model, wanted in _wanted(spec)}


def _type(spec: Spec, use: Use, wanted: Machine | str) -> str:
    if isinstance(wanted, str):
        return fitting(spec.cloud, use, wanted)[0].type
    return choose(product_book(), spec.cloud, spec.region, use, wanted).chosen.machine.type


@cache
def product_book() -> PriceBook:
    """Return the price book; a program that resolves several needs reads it once."""
    return read_book()


def _wanted(spec: Spec) -> Iterator[tuple[Use, str | None, Machine | str]]:
    jobs = spec.platform.training.machine
    yield "training", None, jobs
    yield "processing", None, jobs
    for name, model in spec.platform.models.items():
        yield "endpoint", name, model.endpoint.machine
