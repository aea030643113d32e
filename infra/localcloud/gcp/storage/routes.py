"""Cloud Storage over HTTP: its JSON API, uploads, downloads and batches, as routes of the local cloud's server."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool as run_sync
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

from infra.localcloud.gcp.storage import batch, uploads
from infra.localcloud.gcp.storage.calls import Answer, Call
from infra.localcloud.gcp.storage.downloads import download
from infra.localcloud.gcp.storage.refusals import Refusal, invalid, not_implemented, required
from infra.localcloud.gcp.storage.resumable import Sessions
from infra.localcloud.gcp.storage.service import Service
from infra.localcloud.gcp.storage.store import Store

LOG = logging.getLogger(__name__)
PLAIN = "text/html; charset=UTF-8"
MOST_JSON_BYTES = 10 * 1024 * 1024
GONE = 499
Endpoint = Callable[[Request], Awaitable[Response]]


def routes(store: Store) -> list[BaseRoute]:
    """The routes of Cloud Storage, which answer out of a store."""
    server = _Server(store)
    return [
        Below("/storage/v1/", server.json),
        Below("/upload/storage/v1/", server.upload),
        Below("/download/storage/v1/", server.media),
        Below("/batch/storage/v1", server.batch),
        Signed(),
    ]


class Below(BaseRoute):
    """Every path below a prefix; unlike a Mount it takes any character, as objects' names may hold them, encoded."""

    def __init__(self, prefix: str, endpoint: Endpoint) -> None:
        self.prefix, self.endpoint = prefix, endpoint

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is ours."""
        ours = scope["type"] == "http" and scope["path"].startswith(self.prefix)
        return (Match.FULL if ours else Match.NONE), {}

    def url_path_for(self, name: str, /, **path_params: Any) -> Any:
        """Nothing here has a name to be found by."""
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; what is refused is answered as Google does."""
        request = Request(scope, receive)
        try:
            response = await self.endpoint(request)
            await _drop_body(request)
        except Refusal as refusal:
            await _drop_body(request)
            response = _refused(refusal, plain=request.query_params.get("alt") == "media" or "download" in self.prefix)
        except ClientDisconnect:
            response = Response(status_code=GONE)
        except Exception as error:
            LOG.exception("%s %s failed", request.method, request.url.path)
            response = _refused(Refusal(500, f"{type(error).__name__}: {error}", "internalError"), plain=False)
        await response(scope, receive, send)


class Signed(BaseRoute):
    """Signed URLs, which are of the XML API: not done, and said so, whatever path they have."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request carries a signature, of the current or the older kind."""
        query = scope["query_string"] if scope["type"] == "http" else b""
        ours = b"X-Goog-Signature=" in query or (b"GoogleAccessId=" in query and b"Signature=" in query)
        return (Match.FULL if ours else Match.NONE), {}

    def url_path_for(self, name: str, /, **path_params: Any) -> Any:
        """Nothing here has a name to be found by."""
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 501."""
        await _drop_body(Request(scope, receive))
        await _refused(not_implemented("A signed URL"), plain=False)(scope, receive, send)


async def _drop_body(request: Request) -> None:
    """Read what is left of a body: a client that is still sending would not see the answer."""
    if request.method in ("GET", "HEAD"):
        return
    try:
        async for _ in request.stream():
            pass
    except (RuntimeError, ClientDisconnect):
        return  # it was read to its end, or there is nobody left to answer


def _refused(refusal: Refusal, *, plain: bool) -> Response:
    if refusal.status == 304:
        return Response(status_code=304)
    if plain and refusal.status != 501:
        return Response(refusal.message, refusal.status, {"Content-Type": PLAIN})
    return JSONResponse(refusal.body(), refusal.status)


def _response(answer: Answer) -> Response:
    if answer.body is None:
        return Response(status_code=answer.status, headers=dict(answer.headers))
    headers = dict(answer.headers)
    if etag := answer.body.get("etag"):
        headers["ETag"] = etag
    return JSONResponse(answer.body, answer.status, headers, "application/json; charset=UTF-8")


async def _small_body(request: Request) -> bytes:
    """A body that is held in memory.

    Raises:
        Refusal: 413 for one that is too large for that.
    """
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > MOST_JSON_BYTES:
            raise Refusal(
                413, f"Request body is too large, expected at most {MOST_JSON_BYTES} bytes.", "uploadTooLarge"
            )
        pieces.append(piece)
    return b"".join(pieces)


class _Server:
    """The endpoints."""

    def __init__(self, store: Store) -> None:
        self._service = Service(store)
        self._sessions = Sessions(store)
        self._store = store

    def _call(self, request: Request, prefix: str, verb: str) -> tuple[Call, Any]:
        """The call that a request makes, without its body, and the method's description."""
        path = request.scope["raw_path"].decode("latin-1").removeprefix(f"/{prefix}")
        headers = {name.lower(): value for name, value in request.headers.items()}
        method, parts = self._service.api.find(verb, path.lstrip("/"))
        query = self._service.api.query(method, request.query_params.multi_items())
        return self._service.call(method, parts, query, headers, _base_url(request)), method

    async def json(self, request: Request) -> Response:
        """Answer a call of the JSON API."""
        verb = request.headers.get("x-http-method-override", request.method)
        call, method = self._call(request, "", verb)
        if call.text("alt") == "media" and call.method == "storage.objects.get":
            return await run_sync(download, self._store, call)
        given = uploads.read_json(await _small_body(request))
        call = replace(call, body=self._service.api.body(method, given))
        return _response(await run_sync(self._service.answer, call))

    async def media(self, request: Request) -> Response:
        """Answer the bytes of an object."""
        call, _ = self._call(request, "download/", request.method)
        if call.method != "storage.objects.get":
            raise invalid("Only objects can be downloaded.")
        return await run_sync(download, self._store, call)

    async def upload(self, request: Request) -> Response:
        """Take an upload, or a piece of one."""
        call, method = self._call(request, "upload/", "POST")
        if call.method != "storage.objects.insert":
            raise invalid("Only objects can be uploaded.")
        if "upload_id" in call.query:
            return _response(await self._piece(request, call))
        if request.method != "POST":
            raise required("upload_id")
        kind = call.needed("uploadType")
        self._store.bucket(call.path["bucket"])
        if kind == "media":
            answer = await uploads.media(self._store, call, request.stream())
        elif kind == "multipart":
            answer = await uploads.multipart(
                self._store, call, request.stream(), lambda given: self._service.api.body(method, given)
            )
        elif kind == "resumable":
            given = uploads.read_json(await _small_body(request))
            answer = self._sessions.open(call, self._service.api.body(method, given))
        else:
            raise invalid(
                f"Invalid uploadType {kind!r}, expected media, multipart or resumable.", ("parameter", "uploadType")
            )
        return _response(self._service.cut(call, answer))

    async def _piece(self, request: Request, call: Call) -> Answer:
        if request.method == "DELETE":
            return self._sessions.cancel(call)
        if request.method not in ("PUT", "POST"):
            raise Refusal(405, f"Method Not Allowed: {request.method}", "httpMethodNotAllowed")
        return self._service.cut(call, await self._sessions.take(call, request.stream()))

    async def batch(self, request: Request) -> Response:
        """Answer a batch."""
        if request.method != "POST":
            raise Refusal(405, f"Method Not Allowed: {request.method}", "httpMethodNotAllowed")
        body = await _small_body(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        content_type, answers = await run_sync(
            batch.run, self._service, headers.get("content-type", ""), body, headers, _base_url(request)
        )
        return Response(answers, 200, {"Content-Type": content_type})


def _base_url(request: Request) -> str:
    """Where the caller reached us; links in answers must lead back there."""
    return f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"
