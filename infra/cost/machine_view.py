"""The machines that were chosen, and what else would have done, as people and scripts read them."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from components.spec import Machine
from infra.cost.exact import text
from infra.cost.machines import Choice, Offer

SHOWN = 3
"""So many runners-up are shown to people; scripts get all."""

TITLES = ("machine for", "asked for", "choice", "type", "cpus", "GiB", "USD an hour", "why")
NUMBERS = ("cpus", "GiB", "USD an hour")
NO_PRICE = "no price here"


def document(choices: Sequence[Choice]) -> list[dict[str, Any]]:
    """Return the choices for scripts: prices are exact, and text; a type without one in the region has null."""
    return [
        {
            "use": one.use,
            "model": one.model,
            "need": _need(one.wanted),
            "named": one.wanted if isinstance(one.wanted, str) else None,
            "chosen": _offer(one.chosen),
            "reason": one.reason,
            "runners_up": [_offer(other) for other in one.runners_up],
        }
        for one in choices
    ]


def _need(wanted: Machine | str) -> dict[str, Any] | None:
    return {"cpus": wanted.cpus, "memory_gib": wanted.memory_gib} if isinstance(wanted, Machine) else None


def _offer(offer: Offer) -> dict[str, Any]:
    machine, price = offer.machine, offer.usd_an_hour
    return {
        "type": machine.type,
        "cpus": machine.cpus,
        "memory_gib": machine.memory_gib,
        "usd_an_hour": None if price is None else text(price),
    }


def rows(choices: Sequence[Choice]) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each choice, then those of its first runners-up."""
    for one in choices:
        purpose = f"{one.use} of {one.model}" if one.model else one.use
        yield purpose, _asked(one.wanted), "chosen", *_cells(one.chosen), one.reason
        for place, other in enumerate(one.runners_up[:SHOWN], start=1):
            more = len(one.runners_up) - SHOWN
            rest = f"{more} more in --json" if place == SHOWN and more > 0 else ""
            yield "", "", "runner-up", *_cells(other), rest


def _asked(wanted: Machine | str) -> str:
    return wanted if isinstance(wanted, str) else f"{wanted.cpus} cpus, {wanted.memory_gib:g} GiB"


def _cells(offer: Offer) -> tuple[str, str, str, str]:
    machine, price = offer.machine, offer.usd_an_hour
    return machine.type, str(machine.cpus), f"{machine.memory_gib:g}", NO_PRICE if price is None else text(price)


def table(choices: Sequence[Choice]) -> Table:
    """Return the choices as a table for a terminal: below what each is for, what was chosen and what else would do."""
    found = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("machine", "cpus", "GiB", "USD an hour", ""):
        found.add_column(title, justify="right" if title in NUMBERS else "left", no_wrap=title in NUMBERS)
    for purpose, asked, choice, *cells, why in rows(choices):
        if purpose:
            found.add_row(Text(purpose, style="bold"), "", "", "", f"asked for {asked}")
        found.add_row(Padding(cells[0], (0, 0, 0, 2)), *cells[1:], f"{choice}: {why}" if why else choice)
    return found


def markdown(choices: Sequence[Choice]) -> Iterator[str]:
    """Yield the lines of a table for a pull request; none without choices."""
    if not choices:
        return
    yield ""
    yield "| " + " | ".join(TITLES) + " |"
    yield "|" + "|".join("---:" if title in NUMBERS else "---" for title in TITLES) + "|"
    yield from ("| " + " | ".join(cells) + " |" for cells in rows(choices))
