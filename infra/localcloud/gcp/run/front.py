"""The address of a service: asks who calls, and hands requests on to the container."""

import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Mapping

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from infra.localcloud.gcp.errors import Refusal

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
# They are of one connection, and there are two.
HOP = ("connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-authorization")

Judge = Callable[[Mapping[str, str]], None]
Target = Callable[[str | None], str]


class Front:
    """Answers on a port of loopback until it is closed.

    Args:
        judge: raises a Refusal for the headers of a request that may not pass.
        target: returns where the container answers, given the address that has just refused a connection, if one
            did; raises a Refusal while there is none.
        timeout_seconds: how long a request may take.
    """

    def __init__(self, judge: Judge, target: Target, timeout_seconds: float) -> None:
        self._judge = judge
        self._target = target
        self._timeout_seconds = timeout_seconds
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        routes = [Route("/{path:path}", self._answer, methods=list(VERBS))]
        application = Starlette(routes=routes, lifespan=self._connected)
        config = uvicorn.Config(application, log_level="warning", access_log=False, ws="none")
        self._server = uvicorn.Server(config)
        threading.Thread(target=self._serve, name=f"run-{self.url}", daemon=True).start()

    def close(self) -> None:
        """Answer no more."""
        self._server.should_exit = True

    @contextlib.asynccontextmanager
    async def _connected(self, _: Starlette) -> AsyncIterator[None]:
        async with httpx.AsyncClient(trust_env=False, timeout=self._timeout_seconds) as client:
            self._client = client
            yield

    def _serve(self) -> None:
        self._server.run([self._socket])

    async def _answer(self, request: Request) -> Response:
        try:
            await run_in_threadpool(self._judge, request.headers)
            answer = await self._asked(request)
        except Refusal as refusal:
            return JSONResponse(refusal.body(), refusal.status.http)
        except httpx.TimeoutException:
            return PlainTextResponse("upstream request timeout", 504)
        except httpx.TransportError as error:
            return PlainTextResponse(f"The request failed because the container did not answer: {error}", 503)
        found = StreamingResponse(answer.aiter_raw(), answer.status_code, background=BackgroundTask(answer.aclose))
        found.raw_headers = [(name.lower(), value) for name, value in answer.headers.raw if _is_passed(name)]
        return found

    async def _asked(self, request: Request) -> httpx.Response:
        target = await run_in_threadpool(self._target, None)
        try:
            return await self._client.send(self._handed_on(request, target), stream=True)
        except httpx.ConnectError:
            # Nobody has received it, so it may be sent once more: to what is started in place of a container that died.
            target = await run_in_threadpool(self._target, target)
            return await self._client.send(self._handed_on(request, target), stream=True)

    def _handed_on(self, request: Request, target: str) -> httpx.Request:
        path = request.scope["raw_path"].partition(b"?")[0].decode("latin-1")
        query = f"?{request.url.query}" if request.url.query else ""
        headers = [(name, value) for name, value in request.headers.raw if _is_passed(name)]
        has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
        content = request.stream() if has_body else None
        return self._client.build_request(request.method, f"{target}{path}{query}", headers=headers, content=content)


def _is_passed(name: bytes) -> bool:
    return name.decode("latin-1").lower() not in HOP
