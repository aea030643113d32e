"""The floor of serving: a Starlette application that reads the request and answers nothing, run as ours is run."""

import logging

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ml_jobs import http_server


async def invocations(request: Request) -> Response:
    """Answer 200 without a word."""
    await request.body()
    return Response()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    app = Starlette(routes=[Route("/invocations", invocations, methods=["POST"])])
    http_server.run(app, http_server.listening_socket("127.0.0.1", 0))
