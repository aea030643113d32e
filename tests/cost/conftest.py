"""The development environments with every model released, planned once for all tests; and the product's price book."""

import pytest

from infra.cli.cost import with_releases
from infra.cost.book import PriceBook, read_book
from infra.cost.plan import Plan, plan
from infra.environments import find_environment, read_config

ENVIRONMENTS = ("aws-dev", "gcp-dev")


@pytest.fixture(scope="session")
def plans() -> dict[str, Plan]:
    """By the environment's name."""
    return {name: plan(name, with_releases(read_config(find_environment(name).config_path))) for name in ENVIRONMENTS}


@pytest.fixture(scope="session")
def book() -> PriceBook:
    return read_book()
