"""What is priced: the page is as the cost model is, and few lines of the project's own environments are unknown."""

import re

import pytest

from infra.cost.book import CLOUDS
from infra.cost.model import cost_model
from infra.environments import known_environments
from infra.reports import priced
from tests.cost.conftest import ENVIRONMENTS
from tests.cost.test_model import used_types

MOST = 3
OWN = (*ENVIRONMENTS, "local-aws", "local-gcp")


@pytest.fixture(scope="module")
def page() -> str:
    return priced.PAGE.read_text()


def test_the_page_is_not_stale(page: str) -> None:
    """Whoever changes a type's row, a price or an environment writes the page anew."""
    assert priced.page() == page, "run: python -m infra.reports.priced"


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_page_has_every_type_once(page: str, cloud: str) -> None:
    """Those that the components use, each as what it is; the counts are those of the rows below them."""
    (section,) = re.findall(rf"^## {priced.TITLES[cloud]}$(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    rows = re.findall(r"^\| `([^`]+)` \| (\w+) \| (.+) \| (.*) \|$", section, re.MULTILINE)
    kinds = {name: kind for name, kind, _, _ in rows}
    assert len(rows) == len(kinds)
    assert used_types(cloud) <= kinds.keys() == cost_model(cloud).keys()
    counted = [[*kinds.values()].count(kind) for kind in priced.KINDS]
    cells = " | ".join(str(count) for count in (len(kinds), *counted))
    assert f"| {priced.TITLES[cloud]} | {cells} |" in page
    assert all(reason and source for _, kind, reason, source in rows if kind == "free")
    assert all(reason for _, _, reason, _ in rows)


def test_the_page_speaks_of_the_projects_own_environments(page: str) -> None:
    """All of them: each has unknown lines, and a new one is not left out."""
    assert set(known_environments()) == set(OWN)
    assert all(f"| `{name}` | " in page for name in OWN)


@pytest.mark.parametrize("name", OWN)
def test_at_most_three_lines_are_unknown_each_with_its_reason(page: str, name: str) -> None:
    """Before the first release and after it; what is unknown before is so after."""
    before, after = (priced.cost_of(name, released=released).unknown for released in (False, True))
    assert set(before) <= set(after)
    assert 1 <= len(after) <= MOST
    assert all(one.unknown for one in after)
    assert all(f"| {one.what} | {one.unknown} |" in page for one in after)
