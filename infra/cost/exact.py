"""Exact decimals: amounts are never rounded while they are worked out, only where they are shown."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext

DIGITS = 100


@contextmanager
def exactly() -> Iterator[None]:
    """Work with decimals; raises decimal.Inexact where a result would have to be rounded."""
    with localcontext(Context(prec=DIGITS, traps=[Inexact, InvalidOperation])):
        yield


def text(amount: Decimal) -> str:
    """Return an amount whole, without an exponent or needless zeros."""
    shown = f"{amount:f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown
