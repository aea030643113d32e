"""The price book: list prices as data, one file per cloud below prices/, each row with its source and date."""

import csv
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Literal, cast, get_args

from infra.errors import ConfigError, Problem

Confidence = Literal["exact", "derived", "unverified"]
"""Quoted from the vendor; worked out from what was quoted; quoted by someone who does not say from where."""

FOLDER = Path(__file__).with_name("prices")
COLUMNS = ("cloud", "service", "sku", "region", "unit", "price", "source", "date", "confidence")
CLOUDS = ("aws", "gcp")
GLOBAL = "global"
UNDATED = "undated"
_DATE = re.compile(r"20\d\d(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?|undated")
_REGION = re.compile(r"global|us|eu|[a-z]+(-[a-z]+)+-?\d+")
_PRICE = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True)
class Price:
    """One list price.

    Attributes:
        service: the vendor's service, such as `KMS`.
        sku: what is sold, as the vendor or the source calls it.
        region: where it is sold; `global` where the region makes no difference.
        unit: what one of it is, as in units.toml.
        price: US dollars for one unit.
        source: where the price stands.
        date: when it stood there: a day, a month, a year, or `undated`.
        confidence: how far to trust it.
    """

    cloud: str
    service: str
    sku: str
    region: str
    unit: str
    price: Decimal
    source: str
    date: str
    confidence: Confidence


class PriceBook:
    """Prices by what is sold and where."""

    def __init__(self, prices: Iterable[Price]) -> None:
        self.prices = tuple(prices)
        self._found = {(one.cloud, one.service, one.sku, one.region): one for one in self.prices}
        self._regions: dict[tuple[str, str, str], list[Price]] = {}
        for one in self.prices:
            self._regions.setdefault((one.cloud, one.service, one.sku), []).append(one)

    def find(self, cloud: str, service: str, sku: str, region: str) -> Price | None:
        """Return the price in a region, else the one that holds in every region, else None: no other region's."""
        here = self._found.get((cloud, service, sku, region))
        return here or self._found.get((cloud, service, sku, GLOBAL))

    def elsewhere(self, cloud: str, service: str, sku: str, region: str) -> Price | None:
        """Return the price of the region whose name is nearest: to be named, never to be used."""
        others = self._regions.get((cloud, service, sku), [])
        return max(others, key=lambda one: (_shared(one.region, region), one.region), default=None)


def _shared(region: str, other: str) -> int:
    """Return how many letters two names begin with in common."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(region, other, strict=False)))


@cache
def counts() -> Mapping[str, int]:
    """Return how many of what is counted a unit holds: 1000 for `1k requests`."""
    found: dict[str, int] = tomllib.loads(Path(__file__).with_name("units.toml").read_text())["counts"]
    return found


def read_book(folder: Path = FOLDER) -> PriceBook:
    """Read the price book.

    Raises:
        ConfigError: with every wrong row of every file: file, line, column, what stands there, what may.
    """
    prices: list[Price] = []
    problems: list[Problem] = []
    for cloud in CLOUDS:
        found, wrong = _read(folder / f"{cloud}.csv", cloud)
        prices += found
        problems += wrong
    if problems:
        raise ConfigError(tuple(problems))
    return PriceBook(prices)


def _read(path: Path, cloud: str) -> tuple[list[Price], list[Problem]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return [], [Problem(str(path), "", "a CSV file in UTF-8", f"put it back: {error}")]
    lines = list(csv.reader(text.splitlines(), strict=False))
    if not lines or tuple(lines[0]) != COLUMNS:
        return [], [Problem(f"{path}:1", ",".join(lines[0]) if lines else "", ",".join(COLUMNS), "write this header")]
    problems: list[Problem] = []
    prices: dict[tuple[str, ...], Price] = {}
    for number, cells in enumerate(lines[1:], start=2):
        wrong = list(_problems(f"{path}:{number}", cells, cloud, prices))
        problems += wrong
        if not wrong:
            prices[tuple(cells[:4])] = _price(cells)
    return list(prices.values()), problems


def _problems(
    where: str, cells: Sequence[str], cloud: str, before: Mapping[tuple[str, ...], Price]
) -> Iterator[Problem]:
    """Yield what is wrong with a row."""
    if len(cells) != len(COLUMNS):
        yield Problem(where, f"{len(cells)} cells", f"{len(COLUMNS)} cells", "quote cells that hold commas")
        return
    row = dict(zip(COLUMNS, cells, strict=True))
    allowed = {
        "cloud": (row["cloud"] == cloud, f"{cloud}, as the file is called"),
        "service": (bool(row["service"].strip()), "the vendor's service"),
        "sku": (bool(row["sku"].strip()), "what is sold"),
        "region": (_REGION.fullmatch(row["region"]), "a region, or global"),
        "unit": (row["unit"] in counts(), "one of units.toml: " + ", ".join(counts())),
        "price": (_is_price(row["price"]), "US dollars as plain digits, such as 0.115"),
        "source": (bool(row["source"].strip()), "where the price stands"),
        "date": (_DATE.fullmatch(row["date"]), "2026-07-30, 2026-07, 2026 or undated"),
        "confidence": (row["confidence"] in get_args(Confidence), "one of " + ", ".join(get_args(Confidence))),
    }
    for column, (is_right, what) in allowed.items():
        if not is_right:
            yield Problem(f"{where} {column}", row[column], what, f"write {what}")
    if tuple(cells[:4]) in before:
        yield Problem(where, ", ".join(cells[:4]), "each sku once in a region", "remove one of the two rows")


def _is_price(cell: str) -> bool:
    try:
        return bool(_PRICE.fullmatch(cell)) and Decimal(cell).is_finite()
    except InvalidOperation:
        return False


def _price(cells: Sequence[str]) -> Price:
    cloud, service, sku, region, unit, price, source, date, confidence = cells
    known = cast("Confidence", confidence)
    return Price(cloud, service, sku, region, unit, Decimal(price), source, date, known)
