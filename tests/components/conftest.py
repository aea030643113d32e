"""Platforms declared under mocks, before and after the first release; each once for all tests."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from components.platform import Platform, Resolved
from components.validation import parse
from tests.components.configs import CLOUDS, RELEASE, environment, full, project
from tests.components.mocked import Declared, declare

_MACHINES = {"aws": ("ml.m5.large", "ml.c5.large"), "gcp": ("e2-highmem-2", "e2-standard-2")}
RESOLVED = {
    cloud: Resolved(
        machine=jobs,
        processing_machine=jobs,
        endpoint_machines={"flight-delays": serving, "arrivals": jobs},
        candidates={"flight_delays": ("logistic", "hgb")},
        python_version="3.11",
    )
    for cloud, (jobs, serving) in _MACHINES.items()
}

Deploy = Callable[[Mapping[str, object]], Declared]


@pytest.fixture(scope="session")
def deploy(tmp_path_factory: pytest.TempPathFactory) -> Deploy:
    """Declares the platform of a configuration."""
    known = project(tmp_path_factory.mktemp("project"), "flight_delays")

    def platform_of(config: Mapping[str, object]) -> Declared:
        cloud = str(config["stile:cloud"])
        spec = parse(environment(cloud), config, known)
        return declare(lambda: Platform(spec, RESOLVED[cloud]), spec.environment)

    return platform_of


@pytest.fixture(scope="session", params=CLOUDS)
def cloud(request: pytest.FixtureRequest) -> str:
    """Each cloud in turn, for what holds on every one."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def first_ups(deploy: Deploy) -> Mapping[str, Declared]:
    """Per cloud, the full platform before anything was released."""
    return {cloud: deploy(full(cloud)) for cloud in CLOUDS}


@pytest.fixture(scope="session")
def releases(deploy: Deploy) -> Mapping[str, Declared]:
    """Per cloud, the full platform with a release."""
    return {cloud: deploy(full(cloud, release=RELEASE)) for cloud in CLOUDS}


@pytest.fixture(scope="session")
def first_up(first_ups: Mapping[str, Declared]) -> Declared:
    """The one on AWS before anything was released."""
    return first_ups["aws"]


@pytest.fixture(scope="session")
def released(releases: Mapping[str, Declared]) -> Declared:
    """The one on AWS with a release."""
    return releases["aws"]


@pytest.fixture(scope="session")
def golden() -> Path:
    return Path(__file__).parent / "golden"
