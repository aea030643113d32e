"""The development environments with every model released, planned once for all tests; price book and price lists."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.cli.cost import with_releases
from infra.cost import book as book_module
from infra.cost.book import FOLDER, PriceBook, read_book
from infra.cost.plan import Plan, plan
from infra.environments import find_environment, read_config
from tests.cost.price_lists import PriceLists, serving, variables

ENVIRONMENTS = ("aws-dev", "gcp-dev")


@pytest.fixture(scope="session")
def plans() -> dict[str, Plan]:
    """By the environment's name."""
    return {name: plan(name, with_releases(read_config(find_environment(name).config_path))) for name in ENVIRONMENTS}


@pytest.fixture(scope="session")
def book() -> PriceBook:
    return read_book()


@pytest.fixture
def lists(monkeypatch: pytest.MonkeyPatch) -> Iterator[PriceLists]:
    """Price lists on loopback, and the variables that lead there."""
    with serving() as found:
        for name in [name for name in os.environ if name.startswith(("AWS_", "GOOGLE_", "STILE_GCP"))]:
            monkeypatch.delenv(name)
        for name, value in variables(found).items():
            monkeypatch.setenv(name, value)
        yield found


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the product's price book, in its place."""
    folder = Path(shutil.copytree(FOLDER, tmp_path / "prices"))
    monkeypatch.setattr(book_module, "FOLDER", folder)
    return folder
