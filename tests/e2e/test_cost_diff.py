"""`stile cost --diff` of a platform that stands: nothing where nothing is to change, else what hand arithmetic says."""

import hashlib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import Demo, both_clouds
from tests.e2e.project import Project

pytestmark = [pytest.mark.e2e, pytest.mark.slow, both_clouds]

# One machine of the endpoint for another. A month has 730 hours, and two releases of half an hour in which both fleets
# run: 731 hours. AWS: ml.c5.large at 0.102 for ml.m5.large at 0.115; Google: e2-standard-2 at 0.07706313 for
# n1-standard-4 at 0.219.
MACHINES = {"aws": "ml.m5.large", "gcp": "n1-standard-4"}
ADDED = {"aws": Decimal("9.503"), "gcp": Decimal("103.75585197")}  # 731 x 0.013, 731 x 0.14193687


@pytest.fixture
def configuration(demo: Demo) -> Iterator[Path]:
    """The file of the demo's environment; it stands again as it was after the test."""
    path = demo.project.folder / "stacks" / f"Pulumi.{demo.environment}.yaml"
    text = path.read_text()
    yield path
    path.write_text(text)


def state(project: Project) -> Mapping[str, str]:
    """Every file of the copy's Pulumi state, by its content."""
    files = [path for path in (project.folder / ".stile" / "state").rglob("*") if path.is_file()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_change_is_priced_against_the_state_and_leaves_it(demo: Demo, configuration: Path) -> None:
    """No change is 0.00, a pipeline's runs among it; another machine is 731 hours of its price less the old one's."""
    project, name = demo.project, demo.environment
    before = state(project)
    assert before
    same = project.must("cost", name, "--diff", "--json").json()["diff"]
    assert (same["has_state"], same["bound"], same["difference_monthly_usd"]) == (True, "exact", "0")
    assert same["lines"] == []
    assert Decimal(same["before_monthly_usd"]) > 50
    assert f"{name}: the next up changes nothing: 0.00 USD a month" in project.must("cost", name, "--diff").stderr

    document = yaml.safe_load(configuration.read_text())
    document["config"]["stile:platform"]["models"]["flight-delays"]["endpoint"]["machine"] = MACHINES[demo.cloud]
    configuration.write_text(yaml.safe_dump(document))
    other = project.must("cost", name, "--diff", "--json").json()["diff"]
    assert (other["bound"], Decimal(other["difference_monthly_usd"])) == ("exact", ADDED[demo.cloud])
    assert {(line["change"], line["stage"]) for line in other["lines"]} == {("changed", "endpoint")}
    single = project.must("cost", name, "--json").json()
    assert single["total_monthly_usd"] == other["after_monthly_usd"]
    assert state(project) == before
