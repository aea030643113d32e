"""The plots of a drift report: a column's reference against what came in, and quality over time with its interval."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator, PercentFormatter

from infra.pages.figures import blank, colour, drawing, svg, swatch

WIDTH = 358  # points: the width of a phone of 390 CSS pixels, less the page's edges
HEIGHT = 190
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 26, 40
ROW, BAR = 30, 8
REFERENCE, CURRENT = "series-1", "series-2"


def numbers(row: Mapping[str, Any], name: str) -> str:
    """Return an SVG of a number: the share of rows in each bin, then and now; both axes begin where they say."""
    drawn = row["distribution"]
    with drawing():
        figure, axes = _axes(HEIGHT)
        for side, series in (("reference", REFERENCE), ("current", CURRENT)):
            axes.stairs(_shares(drawn[side]), drawn["edges"], color=colour(series), linewidth=1.8)
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.grid(axis="y")
        axes.set_xlabel(f"{row['name']}; beyond the edges in the outer bins")
        _legend(figure, row)
        return svg(figure, name, f"shares of {row['name']} in the reference and in what came in")


def categories(row: Mapping[str, Any], name: str) -> str:
    """Return an SVG of a category: two bars for each, the share of rows then and now, from 0."""
    drawn = row["distribution"]
    with drawing():
        figure, axes = _axes(TOP + ROW * len(drawn["categories"]) + BOTTOM, left=RIGHT)
        for offset, side, series in ((0.02, "reference", 0), (0.3, "current", 1)):
            places = [place + offset for place in range(len(drawn["categories"]))]
            axes.barh(places, _shares(drawn[side]), BAR / ROW, **swatch(series))
        ground = {"facecolor": colour("paper"), "edgecolor": "none", "pad": 0.5}
        for place, category in enumerate(drawn["categories"]):
            axes.text(0, place - 0.28, category, transform=axes.get_yaxis_transform(), va="center", bbox=ground)
        axes.set_ylim(len(drawn["categories"]) - 0.5, -0.6)
        axes.yaxis.set_major_locator(NullLocator())
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"share of rows, by {row['name']}")
        _legend(figure, row)
        return svg(figure, name, f"shares of the categories of {row['name']} in the reference and in what came in")


def over_time(quality: Mapping[str, Any], name: str) -> str:
    """Return an SVG of AUC window by window with its interval, and the test months'; empty without a window."""
    windows = [one for one in quality["windows"] if one["auc"]]
    if not windows:
        return ""
    with drawing():
        figure, axes = _axes(HEIGHT)
        _before(axes, quality["baseline"]["auc"])
        _intervals(axes, windows)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set_xticks(
            range(len(windows)), [datetime.fromisoformat(one["from"]).strftime("%-d %b") for one in windows]
        )
        axes.grid(axis="y")
        axes.set_xlabel("windows, each by its first day; AUC with its interval of 95 %")
        return svg(figure, name, "AUC over time with its interval, against that of the test months")


def _before(axes: Axes, auc: Mapping[str, float] | None) -> None:
    if auc is not None:
        axes.axhspan(auc["low"], auc["high"], facecolor=colour("soft"), edgecolor="none")
        axes.axhline(auc["value"], color=colour(REFERENCE), linewidth=1.8)


def _intervals(axes: Axes, windows: Sequence[Mapping[str, Any]]) -> None:
    values = [one["auc"] for one in windows]
    middle = [one["value"] for one in values]
    reach = [[one["value"] - one["low"] for one in values], [one["high"] - one["value"] for one in values]]
    axes.errorbar(range(len(values)), middle, yerr=reach, fmt="o", color=colour(CURRENT), capsize=4)
    for place, (one, window) in enumerate(zip(values, windows, strict=True)):
        axes.annotate(
            f"n {window['n']:,}", (place, one["high"]), (0, 4), textcoords="offset points", ha="center", fontsize=9
        )
    axes.margins(x=0.12, y=0.2)


def _shares(counts: Sequence[int]) -> list[float]:
    whole = sum(counts) or 1
    return [count / whole for count in counts]


def _axes(height: float, left: float = LEFT) -> tuple[Figure, Axes]:
    figure = blank(WIDTH, height)
    place = (left / WIDTH, BOTTOM / height, (WIDTH - left - RIGHT) / WIDTH, (height - TOP - BOTTOM) / height)
    return figure, figure.add_axes(place)


def _legend(figure: Figure, row: Mapping[str, Any]) -> None:
    drawn = row["distribution"]
    for place, (side, series) in enumerate((("reference", REFERENCE), ("current", CURRENT))):
        told = f"{'■' if 'categories' in drawn else '━'} {side}, n {sum(drawn[side]):,}"
        figure.text(0.02 + 0.5 * place, 0.995, told, color=colour(series), va="top", fontsize=11)
