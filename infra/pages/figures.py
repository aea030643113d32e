"""How plots are drawn: without pyplot, in the page's colours, the same bytes for the same figures."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from io import StringIO
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from infra.pages.colours import colours

POINTS_PER_INCH = 72
FONT = re.compile(r" ?font-family: [^;\"]+;?")
IDS = re.compile(r"((?:id=\"|href=\"#|url\(#))")
# What tells series apart besides their colours, in the order of series-1, series-2, ...
HATCHES = ("", "///", "xxx")
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def colour(name: str) -> str:
    """Return the value in which a colour of colours.toml is drawn."""
    return colours()[name].light


def _style() -> Any:  # rcParams' stubs name every key
    ink, quiet, axis = colour("ink"), colour("quiet"), colour("axis")
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": "stile",
        "font.size": 11,
        "text.color": ink,
        "text.parse_math": False,
        "axes.edgecolor": axis,
        "axes.facecolor": "none",
        "axes.labelcolor": quiet,
        "axes.labelsize": 11,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlecolor": quiet,
        "axes.titlesize": 11,
        "figure.facecolor": "none",
        "grid.color": colour("grid"),
        "hatch.linewidth": 1.2,
        "legend.frameon": False,
        "xtick.color": axis,
        "xtick.labelcolor": quiet,
        "ytick.color": axis,
        "ytick.labelcolor": quiet,
    }


@contextmanager
def drawing() -> Iterator[None]:
    """Draw in the pages' style, whatever the user's own settings of matplotlib are."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_style())
        yield


def blank(width: float, height: float) -> Figure:
    """Return an empty figure of a size in points; shown at 1:1, a point is a CSS pixel."""
    return Figure(figsize=(width / POINTS_PER_INCH, height / POINTS_PER_INCH))


def swatch(series: int) -> dict[str, Any]:
    """Return how the areas of a series look, from 0: a colour and a hatch."""
    face = {"facecolor": colour(f"series-{series + 1}"), "edgecolor": colour("paper"), "linewidth": 0}
    return {**face, "hatch": HATCHES[series]} if HATCHES[series] else face


def svg(figure: Figure, name: str, label: str) -> str:
    """Return a figure as an SVG element for a page: its colours are the page's variables, its text is text.

    Args:
        figure: drawn within `drawing()`.
        name: what no other figure of the page is called; its ids begin so.
        label: what the figure shows, for those who cannot see it.
    """
    written = StringIO()
    figure.savefig(written, format="svg", metadata=NO_METADATA, transparent=True)
    text = written.getvalue()
    text = text[text.index("<svg") :]
    head, _, body = text.partition(">")
    box = re.search(r'viewBox="[^"]+"', head)
    assert box is not None  # noqa: S101 - matplotlib writes one
    body = re.sub(r"<style type=\"text/css\">.*?</style>", "", body, flags=re.DOTALL)
    body = IDS.sub(rf"\1{name}-", FONT.sub("", body)).replace("xlink:href", "href")
    for one in colours().values():
        body = body.replace(one.light, f"var(--{one.name})")
    return f'<svg class="plot" role="img" aria-label="{escape(label)}" {box[0]}>{body}'
