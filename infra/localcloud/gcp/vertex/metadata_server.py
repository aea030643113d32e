"""The metadata server of one container: it tells its programs which service account they act as, and gives them tokens.

Source: https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys; what google-auth asks for.
"""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from infra.localcloud.gcp.call import PROJECT, PROJECT_NUMBER, REGION

ROOT = "/computeMetadata/v1/"
FLAVOR = "Metadata-Flavor"
GOOGLE = "Google"
SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
LIFETIME_SECONDS = 3599


class MetadataServer:
    """Serves on a free port of loopback until it is closed.

    Args:
        account: the e-mail address of the service account.
        token: its access token.
        identify: makes an identity token for an audience.
    """

    def __init__(self, account: str, token: str, identify: Callable[[str], str]) -> None:
        answers, identities = _answers(account, token), _identity_paths(account)

        class Handler(_Handler):
            known = answers
            identity_paths = identities
            identity = staticmethod(identify)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name=f"metadata-{account}", daemon=True).start()

    @property
    def address(self) -> str:
        """Host and port, as GCE_METADATA_HOST has them."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Serve no more; returns at once, though the last request may still be answered."""
        threading.Thread(target=self._end, name="metadata-end", daemon=True).start()

    def _end(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    known: dict[str, Any]
    identity_paths: tuple[str, ...]
    identity: Callable[[str], str]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if path.startswith(ROOT) and self.headers.get(FLAVOR) != GOOGLE:
            self._answer(403, f"Missing {FLAVOR}:{GOOGLE} header.")
        elif path in self.identity_paths and "audience" in query:
            self._answer(200, self.identity(query["audience"][0]))
        elif path in self.known:
            self._answer(200, self.known[path])
        else:
            self._answer(404, f"{path} is not among the metadata of the local cloud.")

    def _answer(self, status: int, value: Any) -> None:
        is_text = isinstance(value, str)
        content = (value if is_text else json.dumps(value)).encode()
        self.send_response(status)
        self.send_header(FLAVOR, GOOGLE)
        self.send_header("Content-Type", "application/text" if is_text else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing: every program asks often."""


def _identity_paths(account: str) -> tuple[str, ...]:
    return tuple(f"{ROOT}instance/service-accounts/{name}/identity" for name in ("default", account))


def _answers(account: str, token: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "/": "computeMetadata/\n",
        f"{ROOT}project/project-id": PROJECT,
        f"{ROOT}project/numeric-project-id": PROJECT_NUMBER,
        f"{ROOT}universe/universe-domain": "googleapis.com",
        f"{ROOT}universe/universe_domain": "googleapis.com",
        f"{ROOT}instance/region": f"projects/{PROJECT_NUMBER}/regions/{REGION}",
        f"{ROOT}instance/zone": f"projects/{PROJECT_NUMBER}/zones/{REGION}-a",
        f"{ROOT}instance/service-accounts/": f"default/\n{account}/\n",
    }
    for name in ("default", account):
        own = f"{ROOT}instance/service-accounts/{name}/"
        found |= {
            own: {"aliases": ["default"], "email": account, "scopes": list(SCOPES)},
            f"{own}email": account,
            f"{own}scopes": "\n".join(SCOPES),
            f"{own}token": {"access_token": token, "expires_in": LIFETIME_SECONDS, "token_type": "Bearer"},
        }
    return found
