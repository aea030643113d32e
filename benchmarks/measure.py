"""How things are timed, and the form of a result: ours against a peer or a floor of the same rounds, as a ratio."""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        what: what was measured, and the peer.
        unit: of all figures.
        ours, peer: one figure a round. Both sides of a round were measured right after each other, so that what else
            the machine does hits both: ratios are taken within rounds only.
        aim: the ratio aimed at, in words; empty if there is none.
    """

    what: str
    unit: str
    ours: Sequence[float]
    peer: Sequence[float]
    aim: str = ""

    @property
    def ratios(self) -> list[float]:
        """Ours over the peer's, of each round."""
        return [ours / peer for ours, peer in zip(self.ours, self.peer, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(self.ratios)


def seconds(call: Callable[[], object]) -> float:
    """Wall time of a call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def median_ms(call: Callable[[T], object], arguments: Iterable[T]) -> float:
    """Milliseconds that the call takes for one argument: the median over all."""
    times = []
    for argument in arguments:
        began = time.perf_counter()
        call(argument)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def throughput(clients: Sequence[Callable[[T], object]], arguments: Sequence[T]) -> float:
    """Calls a second of several clients at once, each of which goes through all arguments."""

    def work(client: Callable[[T], object]) -> None:
        for argument in arguments:
            client(argument)

    with ThreadPoolExecutor(len(clients)) as pool:
        took = seconds(lambda: list(pool.map(work, clients)))
    return len(clients) * len(arguments) / took


def table(rows: Iterable[Row]) -> str:
    """Rows as a Markdown table: medians over the rounds, and the least and greatest ratio of a round."""
    lines = ["| what | ours | peer | ratio | rounds | aim |", "|---|---:|---:|---:|---:|---|"]
    for row in rows:
        ours, peer = (f"{_figure(statistics.median(side))} {row.unit}" for side in (row.ours, row.peer))
        spread = f"{len(row.ratios)}: {min(row.ratios):.2f} to {max(row.ratios):.2f}"
        lines.append(f"| {row.what} | {ours} | {peer} | **{row.ratio:.2f}** | {spread} | {row.aim} |")
    return "\n".join(lines)


def _figure(value: float) -> str:
    """Three digits are more than the noise leaves."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
