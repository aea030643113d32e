"""Platforms declared under mocks, before and after the first release; each once for all tests."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from components.platform import Platform, Resolved
from components.validation import parse
from tests.components.configs import ENVIRONMENT, RELEASE, full, project
from tests.components.mocked import Declared, declare

RESOLVED = Resolved(
    machine="ml.m5.large",
    processing_machine="ml.m5.large",
    endpoint_machines={"flight-delays": "ml.c5.large", "arrivals": "ml.m5.large"},
    candidates={"flight_delays": ("logistic", "hgb")},
    python_version="3.11",
)

Deploy = Callable[[Mapping[str, object]], Declared]


@pytest.fixture(scope="session")
def deploy(tmp_path_factory: pytest.TempPathFactory) -> Deploy:
    """Declares the platform of a configuration."""
    known = project(tmp_path_factory.mktemp("project"), "flight_delays")

    def platform_of(config: Mapping[str, object]) -> Declared:
        spec = parse(ENVIRONMENT, config, known)
        return declare(lambda: Platform(spec, RESOLVED), ENVIRONMENT)

    return platform_of


@pytest.fixture(scope="session")
def first_up(deploy: Deploy) -> Declared:
    """The full platform before anything was released."""
    return deploy(full())


@pytest.fixture(scope="session")
def released(deploy: Deploy) -> Declared:
    """The full platform with a release."""
    return deploy(full(release=RELEASE))


@pytest.fixture(scope="session")
def golden() -> Path:
    return Path(__file__).parent / "golden"
