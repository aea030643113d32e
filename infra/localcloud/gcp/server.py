"""The HTTP server: finds the method that a request is for, checks it, lets its handler answer and checks the answer."""

import contextlib
import json
import logging
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import anyio.to_thread
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infra.localcloud.gcp import moments
from infra.localcloud.gcp.call import PROJECT, PROJECT_NUMBER, Call, Cloud
from infra.localcloud.gcp.errors import Refusal, invalid, unimplemented
from infra.localcloud.gcp.partial import selected
from infra.localcloud.gcp.permissions import audit
from infra.localcloud.gcp.permissions.gate import check
from infra.localcloud.gcp.routes import Method
from infra.localcloud.gcp.service import Registered
from infra.localcloud.gcp.services import handlers, own_routes, start
from infra.localcloud.gcp.validate import check_answer, checked_body, checked_query

LOG = logging.getLogger(__name__)
BOOT_VARIABLE = "STILE_BOOT_ID"
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
# Requests that wait (a pull, a prediction) hold a thread each.
THREADS = 256
# Protobuf's own limit for JSON.
MOST_DEPTH = 100
# Clients of Vertex poll operations here; it is in no discovery document.
UI = "ui/"


class Dispatcher:
    """Answers requests to the generic routes.

    Args:
        cloud: the cloud's state.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._handlers = handlers(cloud.routes)

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        raw = await request.body()
        return await run_in_threadpool(self._answer, request, raw)

    def _answer(self, request: Request, raw: bytes) -> Response:
        try:
            return self._answered(request, raw)
        except Refusal as refusal:
            return answer(refusal.body(), refusal.status.http)
        except Exception as error:
            LOG.exception("%s %s failed", request.method, request.url.path)
            return answer(Refusal("INTERNAL", f"{type(error).__name__}: {error}").body(), 500)

    def _answered(self, request: Request, raw: bytes) -> Response:
        verb = request.headers.get("x-http-method-override", request.method).upper()
        path = _path(request)
        query = parse_qsl(request.url.query, keep_blank_values=True)
        if verb != request.method and "form-urlencoded" in request.headers.get("content-type", ""):
            query, raw = query + parse_qsl(raw.decode(), keep_blank_values=True), b""
        method, registered = self._found(verb, path)
        call = Call(
            cloud=self._cloud,
            method=method,
            path={name: _project(value) for name, value in method.values(path).items()},
            query=checked_query(method, query),
            body={} if registered.raw else checked_body(method, _json(raw)),
            raw=raw,
            headers=dict(request.headers),
            principal=self._cloud.tokens.owner(request.headers.get("authorization")),
        )
        check(call)
        found = registered.handler(call)
        if isinstance(found, Response):
            return found
        check_answer(method, found)
        fields = dict(query).get("fields") or dict(query).get("$fields")
        return answer(selected(found, fields) if fields else found)

    def _found(self, verb: str, path: str) -> tuple[Method, Registered]:
        methods = self._cloud.routes.match(verb, path)
        if not methods:
            raise Refusal("NOT_FOUND", f"No method of any API serves {verb} /{path}.")
        for method in methods:
            if registered := self._handlers.get((method.document.api, method.id)):
                return method, registered
        raise unimplemented(f"{methods[0].id} ({methods[0].document.api})")


def application(cloud: Cloud) -> Starlette:
    """Return the whole cloud as an ASGI application."""
    audit.begin(cloud.home)

    async def health(_: Request) -> Response:
        return answer({"boot_id": os.environ.get(BOOT_VARIABLE, "")})

    async def journal(request: Request) -> Response:
        since, name = int(request.query_params.get("since", 0)), request.query_params.get("name")
        return answer({"transitions": [one.described() for one in cloud.journal.entries(since=since, name=name)]})

    async def clock(request: Request) -> Response:
        """The cloud's time; POST `{"advance_seconds": N}` moves it forward."""
        if request.method == "POST":
            cloud.clock.advance(timedelta(seconds=float((await request.json())["advance_seconds"])))
        return answer({"now": moments.text(cloud.clock.now())})

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        start(cloud)
        yield

    return Starlette(
        routes=[
            Route("/_stile/health", health),
            Route("/_stile/journal", journal),
            Route("/_stile/clock", clock, methods=["GET", "POST"]),
            *own_routes(cloud),
            Route("/{path:path}", Dispatcher(cloud).answer, methods=list(VERBS)),
        ],
        lifespan=lifespan,
    )


def answer(body: Any, status: int = 200) -> JSONResponse:
    """Return JSON as Google sends it."""
    return JSONResponse(body, status, media_type="application/json; charset=UTF-8")


def _path(request: Request) -> str:
    """Return the path as it came, still encoded, without the leading slash."""
    path = request.scope["raw_path"].decode("latin-1").lstrip("/").partition("?")[0]
    return f"v1/{path.removeprefix(UI)}" if path.startswith(UI) else path


def _project(value: str) -> str:
    """Return a name with the project's id, where it came with the project's number."""
    number = f"projects/{PROJECT_NUMBER}"
    if value == number or value.startswith(f"{number}/"):
        return f"projects/{PROJECT}{value[len(number) :]}"
    return value


def _json(raw: bytes) -> Any:
    if not raw.strip():
        return None
    try:
        found = json.loads(raw, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise invalid(f"Invalid JSON payload received. {error}") from error
    if b"\\ud" in raw.lower():
        _check_text(found)
    if _is_deeper(found, MOST_DEPTH):
        raise invalid("Invalid JSON payload received. Message too deep. Max recursion depth reached")
    return found


def _check_text(value: Any) -> None:
    """Refuse halves of characters, which JSON can write and nobody can send on."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise invalid(f"Invalid JSON payload received. {error}") from error


def _no_number(word: str) -> Any:
    raise ValueError(f"Unexpected token. {word}")


def _is_deeper(value: Any, depth: int) -> bool:
    """Tell whether objects and lists are nested deeper than so; level by level, for the stack is not endless either."""
    level = [value]
    for _ in range(depth):
        inner = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list))
        level = [item for items in inner for item in items]
    return any(isinstance(one, dict | list) for one in level)
