"""What the tests of our own plugin share: a small project, a registry, a small AWS, and a plugin that only listens."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from infra.providers.kit.resource import Log, Plugin, PluginError, Resource
from infra.providers.stile import programs
from tests.localcloud.gcp.cloud import LocalGcp
from tests.localcloud.gcp.vertex.ground import ground
from tests.providers.stile.deployment_ground import SERVER, Place
from tests.providers.stile.small_aws import SmallAws
from tests.providers.stile.small_project import serve_registry, write_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project, which the plugin takes for its own, with the programs that it needs."""
    monkeypatch.setenv("STILE_UV", str(programs.uv()))
    monkeypatch.setenv("STILE_CRANE", str(programs.crane()))
    monkeypatch.setenv("STILE_PROJECT_ROOT", str(tmp_path / "project"))
    return write_project(tmp_path / "project")


@pytest.fixture
def fresh_cache(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for this process; the project comes first, as its programs are found in the user's cache."""
    monkeypatch.setenv("STILE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """An empty registry's URL."""
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    with serve_registry(blobs) as url:
        yield url


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallAws]:
    """An AWS whose answers the test writes, as the environment's endpoint."""
    with SmallAws() as aws:
        for name, value in aws.environment.items():
            monkeypatch.setenv(name, value)
        yield aws


class Heard(Log):
    """Keeps what the plugin says."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def say(self, message: str, *, urn: str = "", severity: str = "info", passing: bool = False) -> None:
        self.messages.append(message)


class Listening(Plugin):
    """A plugin without an engine."""

    name = "stile"
    version = "0.1.0"

    def __init__(self) -> None:
        super().__init__()
        self.heard = Heard()
        self.log = self.heard

    def resource(self, token: str) -> Resource:
        raise PluginError(token)


@pytest.fixture
def plugin() -> Listening:
    return Listening()


@pytest.fixture(scope="session")
def place(local_gcp: LocalGcp, crane: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Where models are deployed: the session's local Google Cloud."""
    made = ground(local_gcp, crane, tmp_path_factory.mktemp("deployments"))
    with httpx.Client(base_url=local_gcp.cloud.endpoint_url, trust_env=False, timeout=60) as http:
        yield Place(made, made.image(SERVER), http)
