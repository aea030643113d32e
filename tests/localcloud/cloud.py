"""The fixture `local_aws`: one running local AWS cloud for a whole test session, with clients for it.

tests/conftest.py gives it to all tests. Starting takes about a second. Tests share the cloud, so each gives its
resources names of its own (`local_aws.name("bucket")`).
"""

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.localcloud import lifecycle
from infra.toolchain import bootstrap

ACCOUNT = "000000000000"
REGION = "us-east-1"


@dataclass
class LocalAws:
    """A running local cloud.

    Attributes:
        cloud: what lifecycle.start returned.
    """

    cloud: lifecycle.LocalCloud
    _count: Iterator[int] = field(default_factory=itertools.count)

    def client(self, service: str, **settings: Any) -> Any:
        """Return a boto3 client for a service of this cloud."""
        return boto3.client(
            service,
            endpoint_url=self.cloud.endpoint_url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            **settings,
        )

    def name(self, kind: str) -> str:
        """Return a name that no other test of this session uses."""
        return f"{kind}-{next(self._count)}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a process uses this cloud."""
        return {
            "AWS_ENDPOINT_URL": self.cloud.endpoint_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }


@contextmanager
def refusal(code: str, *words: str) -> Iterator[pytest.ExceptionInfo[ClientError]]:
    """Expect that a call is refused with an error of this code, whose message holds the words."""
    with pytest.raises(ClientError) as raised:
        yield raised
    error = raised.value.response["Error"]
    assert error["Code"] == code
    assert [word for word in words if word not in error["Message"]] == [], error["Message"]


def find_crane() -> str | None:
    """The crane of the toolchain's cache, or of PATH."""
    cached = sorted((bootstrap.cache_dir() / "toolchain").glob("*/bin/crane"))
    return os.environ.get("STILE_CRANE") or (str(cached[-1]) if cached else shutil.which("crane"))


@pytest.fixture(scope="session")
def crane() -> Iterator[str]:
    """The crane program, named in STILE_CRANE for the session; skips where the toolchain is not installed."""
    found = find_crane()
    if found is None:
        pytest.skip("crane is not installed: run ./stile first")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STILE_CRANE", found)
        yield found


@pytest.fixture(scope="session")
def local_aws(crane: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """One local AWS cloud for the session, in a state directory of its own."""
    state_dir = tmp_path_factory.mktemp("local-aws")
    cloud = lifecycle.start("aws", state_dir, lambda line: None)
    yield LocalAws(cloud)
    lifecycle.stop("aws", state_dir, lambda line: None)
    assert not Path(state_dir, "local", "aws").exists()
