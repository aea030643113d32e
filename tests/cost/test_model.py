"""The cost model: every type that the components use has a row, and every row can be priced or says why not."""

import re
from collections import Counter
from pathlib import Path

import pytest

from components.pipeline.vertex import SMALLEST_DISK_GIB
from components.training import JobTemplate
from infra.cost.book import PriceBook, counts
from infra.cost.model import INPUT, USAGE, Line, cost_model
from infra.cost.usage import Usage, figure
from tests.cost.hand import REGIONS

CLOUDS = ("aws", "gcp")
ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "components" / "golden"
# What the vendors sell and the book has no price of in the default region: each line of it is unknown, and says so.
NOT_IN_THE_BOOK = {
    "aws": {"metadata storage", "data processed in + out"},
    "gcp": {"CPU (instance-based)", "memory (instance-based)"},
}


def used_types(cloud: str) -> set[str]:
    """Every type in the golden URNs, and every class of the cloud's SDK that a component makes."""
    found = set()
    for path in (GOLDEN / cloud).glob("urns_*.txt"):
        found |= {urn.split("::")[2].rsplit("$", 1)[-1] for urn in path.read_text().split()}
    for path in (ROOT / "components").rglob(f"{cloud}.py"):
        for module, name in re.findall(rf"\b{cloud}\.([a-z0-9]+)\.([A-Z]\w+)\(", path.read_text()):
            found.add(f"{cloud}:{module}/{name[0].lower()}{name[1:]}:{name}")
    return found


def lines(cloud: str) -> list[tuple[str, Line]]:
    return [(name, line) for name, row in cost_model(cloud).items() for line in row.lines]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_type_that_the_components_use_has_a_row(cloud: str) -> None:
    """A new type without one is red: write its lines, or that it is free and where that stands, or why nobody knows."""
    used = used_types(cloud)
    assert len(used) > 30
    assert used - cost_model(cloud).keys() == set()


@pytest.mark.parametrize(("cloud", "priced", "free", "unknown"), [("aws", 13, 26, 0), ("gcp", 11, 31, 0)])
def test_how_many_types_are_priced_free_and_unknown(cloud: str, priced: int, free: int, unknown: int) -> None:
    """Of those that the components use."""
    model = cost_model(cloud)
    found = Counter(
        "priced" if model[name].lines else "free" if model[name].free else "unknown" for name in used_types(cloud)
    )
    assert (found["priced"], found["free"], found["unknown"]) == (priced, free, unknown)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_factor_of_a_quantity_can_be_read(cloud: str) -> None:
    """A figure of the usage exists, a path of an input is one, and anything else is a number."""
    usage = Usage()
    for name, line in lines(cloud):
        for factor in line.quantity:
            if factor.startswith(USAGE):
                figure(usage, factor.removeprefix(USAGE), "any")
            elif factor.startswith(INPUT):
                assert re.fullmatch(r"[\w.]+", factor.removeprefix(INPUT)), (name, factor)
            else:
                assert re.fullmatch(r"\d+(\.\d+)?", factor), (name, factor)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_line_is_sold_by_its_unit(cloud: str, book: PriceBook) -> None:
    """In the default region: what the book does not sell is listed above, and nothing else is missing."""
    missing = set()
    for name, line in lines(cloud):
        assert line.unit in counts(), (name, line.what)
        pattern = re.compile(re.sub(r"\\{[^}]*\\}", ".+", re.escape(line.sku)))
        sold = [
            one
            for one in book.prices
            if (one.cloud, one.service) == (cloud, line.service)
            and one.region in (REGIONS[cloud], "global")
            and pattern.fullmatch(one.sku)
        ]
        if not sold and "{" not in line.sku and not line.unknown:
            missing.add(line.sku)
        if "{" not in line.sku:
            assert {one.unit for one in sold} <= {line.unit}, (name, line.what)
    assert missing == NOT_IN_THE_BOOK[cloud]


def test_disks_are_as_the_pipelines_ask_for_them() -> None:
    """The model says 30 and 100 GiB, since a definition is known only after `up`."""
    disks = {line.quantity[0] for _, line in lines("gcp") if line.sku.startswith("SSD PD")}
    assert disks == {str(SMALLEST_DISK_GIB)}
    volumes = {line.quantity[0] for _, line in lines("aws") if line.sku == "Training ML storage"}
    assert volumes == {str(JobTemplate.volume_gib)}
