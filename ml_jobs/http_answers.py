"""What every serving application shares: reading a request's body, and refusing in one form that is also logged."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

log = logging.getLogger("ml_jobs.serve")
JSON = "application/json"
MAX_BODY_BYTES = 25 * 1024 * 1024  # the vendor's limit of a real-time request


class Problem(NamedTuple):
    """What is wrong with a request; `path` says where in its body, None the body as a whole."""

    message: str
    path: str | None


class RefusedRequestError(Exception):
    """A request is not answered; `status` is the HTTP status, `problems` says why."""

    def __init__(self, status: int, *problems: Problem) -> None:
        super().__init__(problems[0].message)
        self.status = status
        self.problems = problems


def content_type(request: Request, default: str) -> str:
    """Return the request's content type without its parameters, in lower case; empty counts as absent."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() or default


async def read_body(request: Request) -> bytes:
    """Return the request's body.

    Raises:
        RefusedRequestError: it is larger than MAX_BODY_BYTES.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise RefusedRequestError(413, Problem(f"the body is larger than {MAX_BODY_BYTES} bytes", None))
    return bytes(body)


async def not_routed(request: Request, error: Exception) -> Response:
    """Answer an unknown path (404) or method (405) in the form of all errors."""
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
    problem = Problem(f"{request.method} {request.url.path} is not served", None)
    return refused(status, [problem], headers=headers)


def refused(
    status: int, problems: Sequence[Problem], headers: Mapping[str, str] | None = None, **logged: str
) -> Response:
    """Answer an error, and log it as one line of JSON."""
    first = problems[0]._asdict()
    log.log(
        logging.ERROR if status >= 500 else logging.WARNING, "%s", to_json({"status": status} | first | logged).decode()
    )
    content = {"error": first, "problems": [problem._asdict() for problem in problems]}
    return Response(to_json(content), status, headers, media_type=JSON)


def to_json(content: dict[str, Any]) -> bytes:
    """Return JSON in ASCII: a text of the request may hold half a surrogate pair, which UTF-8 cannot."""
    return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")
