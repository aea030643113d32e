"""The cost page in a real browser, at desktop and phone width, light and dark: nothing beyond its edges."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.cost.book import PriceBook
from infra.cost.model import cost_model
from infra.cost.page import page
from infra.cost.plan import Plan
from infra.cost.sweep import Basis
from infra.cost.usage import Usage
from infra.pages.colours import colours
from tests.cost.conftest import ENVIRONMENTS
from tests.cost.test_html import DAY
from tests.pages.browser import Scheme, browser, measured

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(browser() is None, reason="this machine has no Chromium: how a page is laid out is not seen"),
]
DESKTOP, PHONE = 1280, 390
NARROWEST = 320  # at which WCAG 2.2, 1.4.10, asks for no sideways scrolling


def rgb(value: str) -> str:
    """A colour as browsers tell it."""
    return f"rgb({', '.join(str(int(value[place : place + 2], 16)) for place in (1, 3, 5))})"


@pytest.mark.parametrize(
    ("width", "scheme"),
    [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark"), (NARROWEST, "light")],
)
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_nothing_is_beyond_its_edges(
    plans: Mapping[str, Plan], book: PriceBook, tmp_path: Path, name: str, width: int, scheme: Scheme
) -> None:
    """No sideways scrolling, in the colours that the reader prefers, and nothing is loaded."""
    plan = plans[name]
    basis = Basis(plan, Usage(), book, cost_model(plan.cloud))
    found = measured(page(basis, basis.estimated(), None, DAY), tmp_path, width, scheme)
    assert found["inner"] == width
    assert found["beyond"] == []
    assert found["scroll"] <= width
    assert found["height"] > 2000
    paper, ink = colours()["paper"], colours()["ink"]
    assert found["paper"] == rgb(paper.light if scheme == "light" else paper.dark)
    assert found["ink"] == rgb(ink.light if scheme == "light" else ink.dark)
    assert found["loaded"] == []


def test_what_is_too_wide_is_seen(tmp_path: Path) -> None:
    """Guards the test above against seeing nothing."""
    found = measured('<!doctype html><body><p style="width:500px">wide</p>', tmp_path, PHONE, "light")
    assert found["beyond"] == ["P wide"]
    assert found["scroll"] > PHONE
