"""A local Google Cloud inside the test's own process, so that a test sees its store, journal and log."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import google.auth.credentials
import httpx
import uvicorn
from googleapiclient import discovery

from infra.localcloud.gcp.call import Cloud
from infra.localcloud.gcp.run.fleet import Fleet
from infra.localcloud.gcp.server import application

PROJECT = "projects/stile-local"
PLACE = f"{PROJECT}/locations/us-central1"
# An endpoint that is given replaces the base path of older APIs, too.
BASES = {"compute": "/compute/v1/", "storage": "/storage/v1/"}


class Person(google.auth.credentials.Credentials):
    """Credentials of a person: any bearer token."""

    def __init__(self, token: str = "test") -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.token = token

    def refresh(self, request: object) -> None:
        raise AssertionError("a fixed token is never refreshed")


def google_client(endpoint_url: str, service: str, version: str, token: str = "test") -> Any:
    """Return Google's own client of a service, to be closed; a token may be a service account's."""
    return discovery.build(
        service,
        version,
        static_discovery=True,
        credentials=Person(token),
        client_options={"api_endpoint": endpoint_url + BASES.get(service, "")},
    )


@dataclass
class Served:
    """A local Google Cloud that runs in a thread.

    Attributes:
        cloud: its state.
        http: a client of it.
    """

    cloud: Cloud
    http: httpx.Client
    _open: ExitStack = field(default_factory=ExitStack)

    def settled(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Wait for the operation that an answer is, and return it; any other answer as it is."""
        while "/operations/" in answer.get("name", "") and not answer.get("done"):
            time.sleep(0.02)
            answer = self.http.get(f"/v1/{answer['name']}").raise_for_status().json()
        return answer

    def client(self, service: str, version: str, token: str = "test") -> Any:
        """Return Google's own client of a service."""
        return self._open.enter_context(closing(google_client(self.cloud.endpoint_url, service, version, token)))


@contextmanager
def served(home: Path, registry_url: str = "") -> Iterator[Served]:
    """Serve a new local Google Cloud until the block ends; it takes images of a registry, if it has one."""
    server = uvicorn.Server(uvicorn.Config("", host="127.0.0.1", port=0, log_level="warning", access_log=False))
    socket = server.config.bind_socket()
    # Requests wait here until the server is up.
    socket.listen()
    endpoint_url = f"http://127.0.0.1:{socket.getsockname()[1]}"
    cloud = Cloud(endpoint_url=endpoint_url, home=home, registry_url=registry_url)
    server.config.app = application(cloud)
    thread = threading.Thread(target=server.run, args=([socket],), daemon=True)
    thread.start()
    try:
        with httpx.Client(base_url=cloud.endpoint_url, trust_env=False, timeout=30) as http, ExitStack() as clients:
            yield Served(cloud, http, clients)
    finally:
        for name in cloud.part(Fleet).names():
            cloud.part(Fleet).retire(name)
        server.should_exit = True
        thread.join(10)
        socket.close()
