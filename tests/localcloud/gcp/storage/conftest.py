"""A running Cloud Storage and the official client of it."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from infra.localcloud.gcp.storage.store import Store
from tests.localcloud.gcp.storage.server import serving

_NAMES = itertools.count(1)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """What the server answers out of."""
    folder: Path = tmp_path_factory.mktemp("storage")
    return Store(folder)


@pytest.fixture(scope="session")
def address(store: Store) -> Iterator[str]:
    """Where the server listens."""
    with serving(store) as url:
        yield url


@pytest.fixture(scope="session")
def client(address: str) -> Iterator[Any]:
    """The official client; it finds the server by the variable alone."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("STORAGE_EMULATOR_HOST", address)
        made = storage.Client(project="stile-local", credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
    yield made
    made.close()


@pytest.fixture
def bucket(client: Any) -> Any:
    """A bucket of the test's own."""
    return client.create_bucket(f"test-bucket-{next(_NAMES)}", location="us-central1")


@pytest.fixture
def http(address: str) -> Iterator[httpx.Client]:
    """Plain HTTP, for what the official client would not send."""
    with httpx.Client(base_url=address, timeout=30) as plain:
        yield plain
