"""Google's own library finds out by a job's metadata server who it is, and is given tokens."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from infra.localcloud.gcp.errors import Refusal
from infra.localcloud.gcp.tokens import Tokens
from infra.localcloud.gcp.vertex.metadata_server import MetadataServer

ACCOUNT = "worker@stile-local.iam.gserviceaccount.com"
# As a job's program finds its credentials.
PROGRAM = """
import json, google.auth, google.auth.transport.requests
credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
credentials.refresh(google.auth.transport.requests.Request())
print(json.dumps([type(credentials).__module__, project, credentials.service_account_email, credentials.token]))
"""


IDENTITY = """
import google.auth.transport.requests, google.oauth2.id_token
credentials = google.oauth2.id_token.fetch_id_token_credentials("http://127.0.0.1:1")
credentials.refresh(google.auth.transport.requests.Request())
print(credentials.token)
"""


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture
def server(tokens: Tokens) -> Iterator[MetadataServer]:
    made = MetadataServer(ACCOUNT, "the-token", lambda audience: tokens.identify(ACCOUNT, audience))
    yield made
    made.close()


def test_googles_library_is_told_account_and_token(server: MetadataServer, tmp_path: Path) -> None:
    """Protects: application default credentials are the job's service account, as on a machine of Google's."""
    told = {"GCE_METADATA_HOST": server.address, "GCE_METADATA_IP": server.address, "HOME": str(tmp_path)}
    env = {"PATH": os.environ["PATH"], **told}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["google.auth.compute_engine.credentials", "stile-local", ACCOUNT, "the-token"]


def test_googles_library_is_given_an_identity_token(server: MetadataServer, tokens: Tokens, tmp_path: Path) -> None:
    """Protects: what a job shows to a service of Cloud Run; it is made out to that service, and to no other."""
    told = {"GCE_METADATA_HOST": server.address, "GCE_METADATA_IP": server.address, "HOME": str(tmp_path)}
    env = {"PATH": os.environ["PATH"], **told}
    done = subprocess.run([sys.executable, "-c", IDENTITY], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = f"Bearer {done.stdout.strip()}"
    assert tokens.invoker(shown, "http://127.0.0.1:1") == ACCOUNT
    with pytest.raises(Refusal, match="is made out to"):
        tokens.invoker(shown, "http://127.0.0.1:2")


def test_without_the_header_nothing_is_told(server: MetadataServer) -> None:
    """Protects: a page in a browser cannot read a token, as on Google's machines."""
    url = f"http://{server.address}/computeMetadata/v1/instance/service-accounts/default/token"
    assert httpx.get(url, trust_env=False).status_code == 403
    found = httpx.get(url, headers={"Metadata-Flavor": "Google"}, trust_env=False)
    assert found.json()["access_token"] == "the-token"
    assert httpx.get(f"{url}/x", headers={"Metadata-Flavor": "Google"}, trust_env=False).status_code == 404
