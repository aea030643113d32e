"""Serves a user's script: GET /ping, and POST /invocations answered by its functions."""

import asyncio
import logging
import os
import sys
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from ml_jobs import http_answers, http_server
from ml_jobs.errors import JobError
from ml_jobs.http_answers import JSON, Problem, RefusedRequestError, refused
from ml_jobs.script_mode import DEFAULT_SERVED_PROGRAM, PACKED_CODE, PROGRAM, SUBMIT_DIRECTORY, requirements, source
from ml_jobs.script_mode.environment import CODE
from ml_jobs.script_mode.formats import ANY, TEXTS, MalformedBodyError, UnsupportedFormatError
from ml_jobs.script_mode.handlers import Handlers, load_script
from ml_jobs.settings import container_path

log = logging.getLogger("ml_jobs.script_mode")
MODEL = "/opt/ml/model"


@dataclass(frozen=True)
class Asked:
    """One request, in the words of a script's functions."""

    body: bytes
    content_type: str
    accept: str


def serve(host: str, port: int) -> None:
    """Serve the script that the environment names, until SIGTERM.

    Raises:
        JobError: the code or the script cannot be had, its model cannot be loaded, or the address is taken.
    """
    # One thread loads the model and predicts: not every library's models may change threads.
    with ThreadPoolExecutor(1, "predict") as thread:
        handlers = thread.submit(load, os.environ).result()
        http_server.run(make_app(handlers, thread), http_server.listening_socket(host, port))


def load(environ: Mapping[str, str]) -> Handlers:
    """Bring the script's code, install what it requires, import it and load the model.

    Raises:
        JobError: one of that failed; what the script itself raised is named, its traceback logged.
    """
    code, program = bring_code(environ), environ.get(PROGRAM.upper()) or DEFAULT_SERVED_PROGRAM
    source.warn_of_literal_paths(code)
    packages = requirements.install(code)
    if packages is not None:
        sys.path.insert(0, str(packages))
    try:
        return Handlers(load_script(code, program), container_path(MODEL))
    except JobError:
        raise
    except Exception as error:
        log.exception("%s failed", program)
        raise JobError(f"{program} failed while it loaded the model: {type(error).__name__}: {error}") from error


def bring_code(environ: Mapping[str, str]) -> Path:
    """Return the folder of the script's code: the one in the model, or one that what was submitted is brought to."""
    packed = container_path(PACKED_CODE)
    submitted = environ.get(SUBMIT_DIRECTORY.upper()) or (PACKED_CODE if packed.is_dir() else CODE)
    named = container_path(submitted.removeprefix("file://"))
    if not submitted.startswith("s3://") and named.is_dir():
        return named
    code = container_path(CODE)
    source.bring(submitted, code)
    return code


def make_app(handlers: Handlers, thread: ThreadPoolExecutor) -> Starlette:
    """Return the application."""

    async def invocations(request: Request) -> Response:
        try:
            asked = await _asked(request)
            body, kind = await asyncio.get_running_loop().run_in_executor(thread, answer, handlers, asked)
        except RefusedRequestError as error:
            return refused(error.status, error.problems)
        except ClientDisconnect:
            return refused(400, [Problem("the client left before its request was whole", None)])
        except Exception as error:  # noqa: BLE001 - whatever a script raises is told to the client, and logged whole
            problem = Problem(f"{type(error).__name__}: {error}", None)
            return refused(500, [problem], traceback=traceback.format_exc())
        return Response(body, headers={"content-type": kind})

    async def ping(_request: Request) -> Response:
        return Response()

    routes = [Route("/invocations", invocations, methods=["POST"]), Route("/ping", ping, methods=["GET"])]
    return Starlette(routes=routes, exception_handlers={HTTPException: http_answers.not_routed})


async def _asked(request: Request) -> Asked:
    accept = request.headers.get("accept", "").strip()
    if accept in ("", ANY):
        accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or JSON
    return Asked(await http_answers.read_body(request), request.headers.get("content-type") or JSON, accept)


def answer(handlers: Handlers, asked: Asked) -> tuple[bytes, str]:
    """Answer one request; JSON and CSV reach the script as text. What the script raises goes through.

    Raises:
        RefusedRequestError: a default function does not know the type (415, 406), or the body is not of it (400).
    """
    kind = asked.content_type.partition(";")[0].strip().lower()
    try:
        body = asked.body.decode("utf-8") if kind in TEXTS else asked.body
    except UnicodeDecodeError as error:
        raise RefusedRequestError(400, Problem(f"the body is not {kind}: {error}", None)) from error
    try:
        return handlers.transform(body, asked.content_type, asked.accept)
    except MalformedBodyError as error:
        raise RefusedRequestError(400, Problem(str(error), None)) from error
    except UnsupportedFormatError as error:
        raise RefusedRequestError(error.status, Problem(str(error), None)) from error
