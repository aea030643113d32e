"""Pages' colours: what is to be read can be read, light and dark, and colour-blind people can tell series apart."""

from collections.abc import Iterator
from itertools import combinations

import pytest

from infra.pages.colours import Colour, colours, variables
from infra.pages.figures import HATCHES

Rgb = tuple[float, float, float]
Matrix = tuple[Rgb, Rgb, Rgb]

GROUNDS = ("light", "dark")
# WCAG 2.2, 1.4.3 (text) and 1.4.11 (what graphics need to be understood)
CONTRAST = {"text": 4.5, "mark": 3.0}
# Lab distance (CIE 1976) below which two areas side by side are hard to tell apart; what is just noticed is 2.3
# (Mahy, Van Eycken and Oosterlinck, "Evaluation of uniform color spaces", 1994).
APART = 20.0
# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency", IEEE TVCG
# 15(6), 2009, severity 1.0, on linear RGB:
# https://www.inf.ufrgs.br/~oliveira/pubs_files/CVD_Simulation/CVD_Simulation.html
SEEN_BY: dict[str, Matrix] = {
    "everybody else": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
# sRGB to CIE XYZ, and its white (IEC 61966-2-1)
XYZ: Matrix = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
WHITE = (0.9505, 1.0, 1.089)


def linear(value: str) -> Rgb:
    """#rrggbb as linear RGB, 0 to 1 each."""
    parts = [int(value[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return red, green, blue


def times(matrix: Matrix, vector: Rgb) -> Rgb:
    first, second, third = (sum(one * other for one, other in zip(row, vector, strict=True)) for row in matrix)
    return first, second, third


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio, 1 to 21."""
    darker, lighter = sorted(times(XYZ, linear(value))[1] for value in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def lab(rgb: Rgb) -> Rgb:
    """CIE L*a*b* of linear RGB; what a simulation puts outside the screen's colours is put back on its edge."""
    red, green, blue = (min(1.0, max(0.0, part)) for part in rgb)
    parts = (part / white for part, white in zip(times(XYZ, (red, green, blue)), WHITE, strict=True))
    x, y, z = (part ** (1 / 3) if part > 216 / 24389 else (24389 / 27 * part + 16) / 116 for part in parts)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def apart(one: str, other: str, seen_by: str) -> float:
    """The distance of two colours as somebody sees them."""
    pair = (lab(times(SEEN_BY[seen_by], linear(value))) for value in (one, other))
    return float(sum((left - right) ** 2 for left, right in zip(*pair, strict=True)) ** 0.5)


def of_kind(kind: str) -> Iterator[Colour]:
    return (one for one in colours().values() if one.kind == kind)


def shown(one: Colour, ground: str) -> str:
    return one.light if ground == "light" else one.dark


def test_the_measures_are_right() -> None:
    """By known values; and the simulation makes two colours alike that only green tells apart."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
    assert lab(linear("#ffffff")) == pytest.approx((100, 0, 0), abs=0.1)
    assert lab(linear("#ff0000")) == pytest.approx((53.2, 80.1, 67.2), abs=0.2)
    brown, olive = "#a05a00", "#6e7000"
    assert apart(brown, olive, "everybody else") > 30
    assert apart(brown, olive, "deuteranopia") < 10


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("kind", CONTRAST)
def test_what_is_to_be_read_stands_out_from_its_ground(ground: str, kind: str) -> None:
    """Every text and every mark, on every ground that there is."""
    found = {
        (one.name, under.name): contrast(shown(one, ground), shown(under, ground))
        for one in of_kind(kind)
        for under in of_kind("ground")
        if kind == "text" or under.name == "paper"  # plots stand on paper
    }
    assert len(found) >= 4
    assert {pair: ratio for pair, ratio in found.items() if ratio < CONTRAST[kind]} == {}


@pytest.mark.parametrize("seen_by", SEEN_BY)
@pytest.mark.parametrize("ground", GROUNDS)
def test_series_can_be_told_apart(ground: str, seen_by: str) -> None:
    series = [shown(one, ground) for one in of_kind("mark") if one.name.startswith("series-")]
    found = {pair: apart(*pair, seen_by) for pair in combinations(series, 2)}
    assert len(found) == 3
    assert {pair: distance for pair, distance in found.items() if distance < APART} == {}


def test_series_can_be_told_apart_without_colours() -> None:
    """By their hatches: on grey paper, say."""
    assert len(set(HATCHES)) == len(HATCHES) == 3


def test_light_values_differ() -> None:
    """Plots are drawn in them, and each is then replaced by its variable."""
    light = [one.light for one in colours().values()]
    assert len(set(light)) == len(light)


def test_every_colour_is_a_variable_light_and_dark() -> None:
    light, dark = variables().splitlines()
    for one in colours().values():
        assert f"--{one.name}:{one.light};" in light
        assert f"--{one.name}:{one.dark};" in dark
