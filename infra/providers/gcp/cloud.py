"""The connection to the local Google Cloud: loopback only, one client per API."""

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from infra.guards import GOOGLE_ENDPOINT
from infra.providers.gcp.schemas import api
from infra.providers.kit import local_only
from infra.providers.kit.resource import CallFailed, PluginError

ENDPOINT = GOOGLE_ENDPOINT
PROJECT, REGION, TOKEN = "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION", "CLOUDSDK_AUTH_ACCESS_TOKEN"
_LONGEST_CALL_SECONDS = 120


def require_loopback(endpoint_url: str | None) -> str:
    """Return the endpoint if it is on this machine's loopback. Raises RefusedEndpoint otherwise."""
    return local_only.require_loopback(ENDPOINT, endpoint_url)


class Cloud:
    """Google's own clients for the local cloud, made when first asked for.

    Attributes:
        endpoint_url: where all APIs answer; on loopback.
        project: the provider's project.
        region: the provider's region.
    """

    def __init__(self, endpoint_url: str, project: str, region: str, token: str = "test") -> None:  # noqa: S107 - local clouds take any
        self.endpoint_url = require_loopback(endpoint_url)
        self.project = project
        self.region = region
        self._token = token
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}

    @classmethod
    def from_environment(cls, project: str | None, region: str | None) -> "Cloud":
        """Connect as the environment says. Raises RefusedEndpoint, or PluginError if nothing names the project."""
        chosen = project or os.environ.get(PROJECT)
        if not chosen:
            raise PluginError(f"no project: set gcp:project in the stack's file, or {PROJECT}")
        place = region or os.environ.get(REGION) or "us-central1"
        return cls(require_loopback(os.environ.get(ENDPOINT)), chosen, place, os.environ.get(TOKEN) or "test")

    def client(self, name: str) -> Any:
        """Return the client of an API such as `cloudkms.v1`; calls of it may come from many threads."""
        with self._lock:
            if name not in self._clients:
                self._clients[name] = self._make(name)
            return self._clients[name]

    def _make(self, name: str) -> Any:
        from googleapiclient.discovery import build_from_document

        # The document names Google's host, also for uploads, which `api_endpoint` would leave as it is.
        document = {**api(name).document, "rootUrl": f"{self.endpoint_url.rstrip('/')}/"}
        return build_from_document(document, http=self._connection())

    def _connection(self) -> Any:
        """Return a new connection: threads share none, and servers close those that nobody used for a while."""
        import httplib2  # type: ignore[import-untyped]

        return httplib2.Http(timeout=_LONGEST_CALL_SECONDS, proxy_info=None)  # or it could go through a proxy

    def call(self, name: str, method: str, args: dict[str, Any], body: Any = None, media: Any = None) -> Any:
        """Call a method and return its answer; a list that comes in pages is returned whole.

        Args:
            name: the API, such as `cloudkms.v1`.
            method: its method, such as `projects.locations.keyRings.create`.
            args: what goes in path and query.
            body: the request's body, None for none.
            media: what is uploaded, one of googleapiclient.http's uploads.

        Raises:
            CallFailed: the cloud refuses; `code` is the status of HTTP.
            PluginError: it cannot be reached, or the arguments are wrong.
        """
        given = args if body is None else {**args, "body": body}
        given = given if media is None else {**given, "media_body": media}
        return ask(self.client(name), method, given, self._send)

    def _send(self, request: Any) -> Any:
        request.headers["authorization"] = f"Bearer {self._token}"
        with closing(self._connection()) as connection:
            return request.execute(http=connection)


def _execute(request: Any) -> Any:
    with closing(request.http):  # servers close those that nobody used for a while
        return request.execute()


def ask(client: Any, method: str, args: Mapping[str, Any], send: Callable[[Any], Any] = _execute) -> Any:
    """Call a method of a client by the vendor's name; `send` sends one request. See Cloud.call."""
    from googleapiclient.discovery import key2param

    *collections, last = method.split(".")
    resource = client
    for collection in collections:
        resource = getattr(resource, collection)()
    try:
        request = getattr(resource, last)(**{key2param(key): value for key, value in args.items()})
    except (TypeError, ValueError) as error:
        raise PluginError(f"{method}: {error}") from error
    answer = _answer(method, request, send)
    follow = getattr(resource, f"{last}_next", None)
    while follow is not None and (request := follow(request, answer)) is not None:
        answer = _joined(answer, _answer(method, request, send))
    return answer


def _answer(method: str, request: Any, send: Callable[[Any], Any]) -> Any:
    import httplib2
    from google.auth.exceptions import GoogleAuthError
    from googleapiclient.errors import Error, HttpError

    try:
        return send(request)
    except HttpError as error:
        raise CallFailed(method, str(error.status_code), error.reason or "no reason given") from error
    except (Error, OSError, httplib2.HttpLib2Error, GoogleAuthError) as error:
        raise PluginError(f"{method}: could not connect: {error}") from error


def _joined(page: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Return two pages of a list as one; it ends where the second ends."""
    rows = {key: page[key] + more.get(key, []) for key in page if isinstance(page[key], list)}
    return {**more, **rows}
