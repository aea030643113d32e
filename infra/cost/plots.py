"""The plots of a cost report: bars of what is fixed and what comes with use, and cost against requests a month."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from infra.cost.report import dollars
from infra.cost.sweep import STEPS, Split, Sweep
from infra.pages.figures import blank, colour, drawing, svg, swatch

WIDTH = 358  # points: the width of a phone of 390 CSS pixels, less the page's edges
SIDE = 14  # half of the last tick's label stands beyond the axes
ZERO = 4  # half of the label 0, beyond the axes too
ROW, BAR = 38, 14
LABEL, DIGIT = 20, 7
TOP, BOTTOM = 26, 40
FIXED, PER_USE, PER_REQUEST = range(3)
USD = "USD a month"
STEPS_OF_TEN = len(STEPS)


def bars(rows: Mapping[str, Split], name: str, label: str) -> str:
    """Return an SVG with a bar for each row: fixed and per use, one behind the other, with the amount above it.

    Without rows it is empty.
    """
    if not rows:
        return ""
    with drawing():
        height = TOP + ROW * len(rows) + BOTTOM
        figure, axes = _axes(height, left=ZERO)
        _legend(figure, ("fixed", "per use"))
        for place, (row, split) in enumerate(rows.items()):
            _bar(axes, place, row, split)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.yaxis.set_major_locator(NullLocator())
        axes.set_xlim(0, max((float(one.total) for one in rows.values()), default=0.0) or 1.0)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(FuncFormatter(_amount))
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(USD)
        return svg(figure, name, label)


def _bar(axes: Axes, place: int, row: str, split: Split) -> None:
    middle, text = place + 0.18, place - 0.2
    axes.barh(middle, float(split.fixed), BAR / ROW, **swatch(FIXED))
    axes.barh(middle, float(split.per_use), BAR / ROW, left=float(split.fixed), **swatch(PER_USE))
    # Its ground is the paper's, so that no line of the grid runs through a word.
    ground = {"facecolor": colour("paper"), "edgecolor": "none", "pad": 0.5}
    transform = axes.get_yaxis_transform()
    axes.text(0, text, row, transform=transform, va="center", bbox=ground)
    axes.text(1, text, amount(split), transform=transform, va="center", ha="right", bbox=ground)


def amount(split: Split) -> str:
    """Return a total in words: `at least` where a line is unknown, `unknown` where nothing else is there."""
    if split.is_at_least:
        return f"at least {dollars(split.total)}" if split.total else "unknown"
    return dollars(split.total)


def requests(sweep: Sweep, name: str, label: str) -> str:
    """Return an SVG of cost against requests a month, those of the usage marked; the parts lie one upon another."""
    with drawing():
        most = max((float(one.total) for one in sweep.points), default=0.0) or 1.0
        figure, axes = _axes(TOP + LABEL + 230 + BOTTOM, left=LABEL + DIGIT * _digits(most), above=LABEL)
        _legend(figure, ("fixed", "other use", "per request"))
        asked = [float(one.requests) for one in sweep.points]
        parts = [[float(part) for part in _parts(one.fixed, one.other, one.by_requests)] for one in sweep.points]
        for series in (FIXED, PER_USE, PER_REQUEST):
            low, high = ([levels[place] for levels in parts] for place in (series, series + 1))
            axes.fill_between(asked, low, high, **swatch(series))
        axes.plot(asked, [levels[-1] for levels in parts], color=colour("ink"), linewidth=1.5)
        axes.set_ylim(0, most * 1.25)
        axes.set_xscale("log")
        axes.set_xlim(asked[0], asked[-1])
        axes.xaxis.set_major_formatter(FuncFormatter(many))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter(FuncFormatter(_amount))
        axes.grid(axis="y")
        axes.set_xlabel("requests a month (log axis: each step is ten times)")
        axes.set_title(USD, loc="left", x=-axes.get_position().x0 / axes.get_position().width)
        if sweep.stated is not None:
            _marked(axes, f"{sweep.called}: {sweep.stated:,.0f}", float(sweep.stated), most)
        return svg(figure, name, label)


def _digits(most: float) -> int:
    """Return how long the labels of an axis may be that goes to an amount: small ones have decimals, as 0.25."""
    return max(4, len(_amount(round(most), None)))


def _marked(axes: Axes, text: str, stated: float, most: float) -> None:
    axes.plot([stated, stated], [0, most * 1.12], color=colour("ink"), linewidth=1.5, linestyle=(0, (4, 2)))
    axes.text(stated, most * 1.14, text, ha="center", va="bottom")


def _parts(*amounts: Decimal) -> Sequence[Decimal]:
    """Return where each part begins and the last ends, from 0."""
    levels = [Decimal(0)]
    for one in amounts:
        levels.append(levels[-1] + one)
    return levels


def _axes(height: float, left: float, above: float = 0) -> tuple[Figure, Axes]:
    """Return a figure with axes that leave room for the legend above and the labels below."""
    figure = blank(WIDTH, height)
    box = (left / WIDTH, BOTTOM / height, (WIDTH - left - SIDE) / WIDTH, (height - TOP - above - BOTTOM) / height)
    return figure, figure.add_axes(box)


def _legend(figure: Figure, titles: Sequence[str]) -> None:
    handles = [Patch(label=title, **swatch(series)) for series, title in enumerate(titles)]
    figure.legend(
        handles=handles, loc="upper left", ncols=len(titles), borderaxespad=0, borderpad=0.2, handlelength=1.6,
        columnspacing=1.4, handletextpad=0.5,
    )  # fmt: skip


def _amount(value: float, _: object) -> str:
    return f"{value:,.10g}"


def many(value: float, _: object = None) -> str:
    """Return a number of requests in short: 10k, 1M, 1bn."""
    for size, unit in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
