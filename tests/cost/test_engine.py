"""The price of what the real engine would deploy: the same as the price of what the mocks declare."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from infra.cli.cost import with_releases
from infra.cost.book import PriceBook
from infra.cost.estimate import estimate
from infra.cost.model import cost_model
from infra.cost.plan import plan, planned
from infra.cost.usage import Usage
from infra.graph import from_preview
from infra.program import read, resolved
from tests.e2e.project import Project, copy

CLOUDS = ("aws", "gcp")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A clone of its own; its local clouds end with the test."""
    made = copy(tmp_path / "clone")
    yield made
    for cloud in CLOUDS:
        made.must("local", "stop", cloud)


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.parametrize("cloud", CLOUDS)
def test_mocks_and_the_real_engine_cost_the_same(project: Project, book: PriceBook, cloud: str) -> None:
    """Every line and the total, of a released local environment: what is priced offline is what is deployed."""
    name = f"local-{cloud}"
    path = project.folder / "stacks" / f"Pulumi.{name}.yaml"
    document = yaml.safe_load(path.read_text())
    config = with_releases(document["config"])
    path.write_text(yaml.safe_dump({**document, "config": config}))
    done = project.shell(f"pulumi preview --json --non-interactive -s {name} > preview.json", name)
    assert done.code == 0, done.stderr
    spec = read(name, config)
    real = planned(spec, resolved(spec), from_preview((project.folder / "preview.json").read_text()))
    found, expected = (estimate(one, Usage(), book, cost_model(cloud)) for one in (plan(name, config), real))
    assert len(found.charges) >= 20
    assert found.charges == expected.charges
    assert found.unknown == expected.unknown
    assert found.total_monthly_usd == expected.total_monthly_usd > 50
