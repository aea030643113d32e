"""Protects how a job shows MLflow on Cloud Run who it is, and that no other server ever gets to know."""

import base64
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ml_jobs.contracts import tracking_token
from ml_jobs.contracts.tracking_token import TOKEN, authorize
from ml_jobs.errors import JobError

SERVER = "https://stile-dev-mlflow-100000000000.us-central1.run.app"


@dataclass
class Metadata:
    """A metadata server of one service account: what tokens were asked for, and how long they hold."""

    lifetime: timedelta = timedelta(hours=1)
    audiences: list[str] = field(default_factory=list)

    def token(self, audience: str) -> str:
        self.audiences.append(audience)
        ends = datetime.now(UTC) + self.lifetime
        claims = {"aud": audience, "exp": int(ends.timestamp()), "number": len(self.audiences)}
        parts = ({"alg": "RS256"}, claims, {"signature": "none"})
        return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


@contextmanager
def served(metadata: Metadata) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            is_token = asked.path.endswith("/service-accounts/default/identity")
            account = {"email": "train@stile-local.iam.gserviceaccount.com", "scopes": []}
            content = (
                metadata.token(parse_qs(asked.query)["audience"][0]) if is_token else json.dumps(account)
            ).encode()
            self.send_response(200)
            self.send_header("Metadata-Flavor", "Google")
            self.send_header("Content-Type", "application/text" if is_token else "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[Metadata]:
    made = Metadata()
    tracking_token._credentials.cache_clear()
    for name in (*tracking_token.OTHER_WAYS, "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with served(made) as address:
        # google-auth takes both only before its first import: its module keeps them.
        monkeypatch.setattr("google.auth.compute_engine._metadata._GCE_METADATA_HOST", address)
        monkeypatch.setenv("GCE_METADATA_HOST", address)
        monkeypatch.setenv("GCE_METADATA_IP", address)
        yield made
    os.environ.pop(TOKEN, None)


def claims() -> dict[str, Any]:
    part = os.environ[TOKEN].split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def test_a_server_on_cloud_run_gets_a_token_made_out_to_it(metadata: Metadata) -> None:
    authorize(f"{SERVER}/some/path")
    authorize(SERVER)
    assert (claims()["aud"], claims()["number"]) == (SERVER, 1)
    assert metadata.audiences == [SERVER]


def test_a_job_on_the_local_cloud_shows_who_it_is(metadata: Metadata, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's shell there has the cloud's address, but no metadata server."""
    monkeypatch.setenv("STILE_GCP_ENDPOINT", "http://127.0.0.1:4000")
    authorize("https://mlflow.example.com")
    assert TOKEN not in os.environ
    authorize("http://127.0.0.1:5000/some/path")
    assert metadata.audiences == ["http://127.0.0.1:5000"]
    os.environ.pop(TOKEN)
    monkeypatch.delenv("GCE_METADATA_HOST")
    authorize("http://127.0.0.1:5000")
    assert TOKEN not in os.environ


def test_a_token_is_renewed_before_it_ends(metadata: Metadata) -> None:
    """A training may take hours, and logs at its end."""
    metadata.lifetime = timedelta(minutes=4)
    authorize(SERVER)
    authorize(SERVER)
    assert claims()["number"] == 2


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:5000",
        "https://mlflow.example.com",
        "http://stile-dev-mlflow.us-central1.run.app",
        "https://run.app.example.com",
        "arn:aws:sagemaker:us-east-1:000000000000:mlflow-app/app-1",
        "file:///tmp/mlruns",
    ],
)
def test_no_other_server_gets_one(uri: str, metadata: Metadata) -> None:
    authorize(uri)
    assert TOKEN not in os.environ
    assert metadata.audiences == []


def test_who_has_another_way_in_keeps_it(metadata: Metadata, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, "my own")
    authorize(SERVER)
    assert os.environ[TOKEN] == "my own"
    monkeypatch.delenv(TOKEN)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    authorize(SERVER)
    assert TOKEN not in os.environ
    assert metadata.audiences == []


def test_no_identity_is_told(metadata: Metadata, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")
    with pytest.raises(JobError, match=f"MLflow at {SERVER} wants an identity token, and there is no identity"):
        authorize(SERVER)
