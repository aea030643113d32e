"""What came of asking a cloud for a price of the book, and putting the answers into the book's file."""

import csv
import io
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from infra.cost.book import COLUMNS, Confidence, Price
from infra.cost.exact import exactly, text

NO_MAPPING = "no mapping"


@dataclass(frozen=True)
class Quote:
    """What a price list says: US dollars for one unit of the book, where exactly, since when, how surely."""

    price: Decimal
    source: str
    date: str
    confidence: Confidence


@dataclass(frozen=True)
class Outcome:
    """What came of one row of the book.

    Attributes:
        row: the row as it was.
        quote: the answer; None if the row is kept.
        kept: why it is kept; empty if it is not.
    """

    row: Price
    quote: Quote | None = None
    kept: str = ""

    @property
    def new(self) -> Price:
        """The row as it is to be."""
        if self.quote is None:
            return self.row
        return replace(self.row, **vars(self.quote))

    @property
    def is_changed(self) -> bool:
        """True if the price is another one, not only its source or date."""
        return self.new.price != self.row.price

    @property
    def percent(self) -> Decimal | None:
        """By how much the price rose; None if it cost nothing before."""
        if not self.row.price:
            return None
        return (self.new.price - self.row.price) / self.row.price * 100


def keeping(row: Price, why: str) -> Outcome:
    """Return the outcome of a row that stays as it is."""
    return Outcome(row, kept=why)


def quoted(row: Price, parts: Sequence[tuple[Decimal, Decimal, str, str]]) -> Outcome:
    """Return the outcome of a row whose price is the sum of parts.

    Args:
        row: the row.
        parts: of each its price, how many of it make one unit of the book, its source, and since when it holds.
    """
    with exactly():
        price = sum((price * times for price, times, _, _ in parts), Decimal(0))
    source = " ; ".join(
        source if times == 1 else f"{text(times)} x {text(price)}: {source}" for price, times, source, _ in parts
    )
    confidence: Confidence = "exact" if len(parts) == 1 else "derived"
    return Outcome(row, Quote(Decimal(text(price)), source, max(date for *_, date in parts), confidence))


def write(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Put the answers into a file of the book, at once: what is not answered keeps its place and its letters.

    Raises:
        OSError: the file cannot be written; the old one is whole.
    """
    answers: Mapping[tuple[str, ...], Price] = {key(one.row): one.new for one in outcomes if one.quote is not None}
    lines = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(_cells(line, answers) for line in lines)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, suffix=".new", delete=False) as file:
        try:
            file.write(written.getvalue())
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).chmod(path.stat().st_mode)
            Path(file.name).replace(path)
        finally:
            Path(file.name).unlink(missing_ok=True)


def key(row: Price) -> tuple[str, str, str, str]:
    """Return what a row of the book is known by."""
    return row.cloud, row.service, row.sku, row.region


def _cells(line: Sequence[str], answers: Mapping[tuple[str, ...], Price]) -> Sequence[str]:
    found = answers.get(tuple(line[:4]))
    if found is None:
        return line
    return [text(found.price) if column == "price" else str(getattr(found, column)) for column in COLUMNS]
