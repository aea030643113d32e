"""What the tests of Vertex AI share."""

import pytest

from tests.localcloud.gcp.cloud import LocalGcp
from tests.localcloud.gcp.vertex.ground import SERVER, Ground, ground


@pytest.fixture(scope="session")
def vertex(local_gcp: LocalGcp, crane: str, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """A place to train and serve in, of the session's local cloud."""
    return ground(local_gcp, crane, tmp_path_factory.mktemp("vertex"))


@pytest.fixture(scope="session")
def server_image(vertex: Ground) -> str:
    """An image that serves a model of one word."""
    return vertex.image(SERVER)
