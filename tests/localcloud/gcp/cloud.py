"""The fixture `local_gcp`: one running local Google Cloud for a whole test session, with clients for it.

tests/conftest.py gives it to all tests. Starting takes about a second. Tests share the cloud, so each gives its
resources names of its own (`local_gcp.name("bucket")`).
"""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from googleapiclient.errors import HttpError

from infra.localcloud import lifecycle
from tests.localcloud.gcp.hello import push_hello
from tests.localcloud.gcp.serving import google_client

PROJECT = "stile-local"
PROJECT_NUMBER = "100000000000"
REGION = "us-central1"
PLACE = f"projects/{PROJECT}/locations/{REGION}"


@dataclass
class LocalGcp:
    """A running local cloud.

    Attributes:
        cloud: what lifecycle.start returned.
    """

    cloud: lifecycle.LocalCloud
    _count: Iterator[int] = field(default_factory=itertools.count)
    _open: ExitStack = field(default_factory=ExitStack)

    def client(self, service: str, version: str, token: str = "test") -> Any:
        """Return Google's own client of a service of this cloud; a token may be a service account's."""
        return self._open.enter_context(closing(google_client(self.cloud.endpoint_url, service, version, token)))

    def name(self, kind: str) -> str:
        """Return a name that no other test of this session uses."""
        return f"{kind}-{next(self._count)}"

    def journal(self, name: str) -> list[dict[str, Any]]:
        """Return every change of a resource, in order."""
        url = f"{self.cloud.endpoint_url}/_stile/journal"
        found: list[dict[str, Any]] = httpx.get(url, params={"name": name}, trust_env=False).json()["transitions"]
        return found

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a process uses this cloud."""
        return {
            "STORAGE_EMULATOR_HOST": self.cloud.endpoint_url,
            "STILE_GCP_ENDPOINT": self.cloud.endpoint_url,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "CLOUDSDK_AUTH_ACCESS_TOKEN": "test",
        }


@contextmanager
def google_refusal(http: int, status: str, *words: str) -> Iterator[pytest.ExceptionInfo[HttpError]]:
    """Expect that a call is refused with an HTTP status and Google's status, and a message that holds the words."""
    with pytest.raises(HttpError) as raised:
        yield raised
    error = raised.value.error_details, raised.value.reason
    assert raised.value.resp.status == http, error
    assert f'"{status}"' in raised.value.content.decode(), error
    assert [word for word in words if word not in str(raised.value.reason)] == [], error


@pytest.fixture(scope="session")
def local_gcp(crane: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGcp]:
    """One local Google Cloud for the session, in a state directory of its own."""
    state_dir = tmp_path_factory.mktemp("local-gcp")
    cloud = lifecycle.start("gcp", state_dir, lambda line: None)
    push_hello(crane, cloud.registry_url, tmp_path_factory.mktemp("hello"))
    with ExitStack() as clients:
        yield LocalGcp(cloud, _open=clients)
    lifecycle.stop("gcp", state_dir, lambda line: None)
    assert not Path(state_dir, "local", "gcp").exists()
