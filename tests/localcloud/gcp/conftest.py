"""What the tests of the local Google Cloud share."""

import logging
from collections.abc import Iterator

import pytest

from tests.localcloud.gcp.cloud import LocalGcp
from tests.localcloud.gcp.serving import Served, served


@pytest.fixture(scope="module")
def gcp(local_gcp: LocalGcp, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A local Google Cloud in this process, with the images of the session's."""
    with served(tmp_path_factory.mktemp("gcp"), local_gcp.cloud.registry_url) as found:
        yield found


@pytest.fixture(autouse=True)
def no_internal_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No test passes in which a handler failed or an answer did not fit its schema."""
    yield
    failed = [
        one for one in caplog.get_records("call") if one.name.startswith("infra.") and one.levelno >= logging.ERROR
    ]
    assert [one.getMessage() for one in failed] == []
