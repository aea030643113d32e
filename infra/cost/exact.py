"""Exact decimals: amounts are never rounded while they are worked out, only where they are shown."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext

EXACT = Context(prec=100, traps=[Inexact, InvalidOperation])
"""The context of `exactly`, for a single operation."""


@contextmanager
def exactly() -> Iterator[None]:
    """Work with decimals; raises decimal.Inexact where a result would have to be rounded."""
    with localcontext(EXACT):
        yield


def text(amount: Decimal) -> str:
    """Return an amount whole, without an exponent or needless zeros."""
    shown = f"{amount:f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown
