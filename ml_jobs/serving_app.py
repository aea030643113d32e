"""What serving answers: requests checked, predicted in one thread, and answered as JSON; serve.py is the process."""

import asyncio
import json
import logging
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

from ml_jobs import matrix
from ml_jobs.matrix import BadInstanceError
from ml_jobs.use_cases import UseCase

log = logging.getLogger("ml_jobs.serve")
JSON = "application/json"
MAX_ROWS = 10_000
MAX_BODY_BYTES = 25 * 1024 * 1024  # the vendor's limit of a real-time request
MAX_PROBLEMS = 20


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


@dataclass(frozen=True)
class ServedModel:
    """Which model answers: the model's name, its version in the registry (None by hand) and its file's SHA-256."""

    name: str
    version: str | None
    sha256: str


class Predictor:
    """Answers the body of a request by a model."""

    def __init__(self, model: Any, use_case: UseCase, served: ServedModel) -> None:
        self._model = model
        self._use_case = use_case
        self._identity = asdict(served)

    def answer(self, body: bytes) -> bytes:
        """Return the body of the answer.

        Raises:
            RefusedRequestError: the body is no JSON, or its instances cannot be predicted.
        """
        instances = read_instances(body)
        try:
            rows = matrix.from_instances(instances, self._use_case)
        except BadInstanceError as error:
            raise RefusedRequestError(400, *problems_of(instances, self._use_case)) from error
        predicted = matrix.probabilities(self._model, rows).tolist()
        case = self._use_case
        predictions = [
            {"event_id": instance[case.event_id], "probability": value, case.positive: value >= case.threshold}
            for instance, value in zip(instances, predicted, strict=True)
        ]
        return _json({"predictions": predictions, "model": self._identity})


def read_instances(body: bytes) -> list[Any]:
    """Return the instances of a request's body.

    Raises:
        RefusedRequestError: it is no JSON object with nothing but `instances`, a list of 1 to MAX_ROWS entries.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RefusedRequestError(400, Problem(f"the body is no JSON: {error}", None)) from error
    if not isinstance(content, dict):
        raise RefusedRequestError(400, Problem('the body must be an object: {"instances": [...]}', None))
    unknown = sorted(content.keys() - {"instances"})
    if unknown:
        raise RefusedRequestError(400, *(Problem("is unknown; there is instances", name) for name in unknown))
    instances = content.get("instances")
    if not isinstance(instances, list) or not instances:
        told = "must be a list that is not empty" if "instances" in content else "is missing"
        raise RefusedRequestError(400, Problem(told, "instances"))
    if len(instances) > MAX_ROWS:
        raise RefusedRequestError(400, Problem(f"has {len(instances)} rows; at most {MAX_ROWS} are taken", "instances"))
    return instances


def problems_of(instances: Sequence[Any], use_case: UseCase) -> list[Problem]:
    """Return what is wrong with each instance, in order, up to MAX_PROBLEMS."""
    problems: list[Problem] = []
    for row, instance in enumerate(instances):
        problems += _problems_of_one(instance, use_case, f"instances[{row}]", MAX_PROBLEMS - len(problems))
        if len(problems) == MAX_PROBLEMS:
            break
    return problems


def _problems_of_one(instance: Any, use_case: UseCase, place: str, limit: int) -> list[Problem]:
    """Ask the matrix again and again, each time with what it complained of mended: the rules are only there."""
    problems: list[Problem] = []
    mended = dict(instance) if isinstance(instance, dict) else instance
    while len(problems) < limit:
        try:
            matrix.from_instances([mended], use_case)
            break
        except BadInstanceError as error:
            where = error.path.removeprefix("instances[0]")
            problems.append(Problem(error.message, place + where))
        if not isinstance(mended, dict):
            break
        _mend(mended, where.removeprefix("."), use_case)
    return problems


def _mend(instance: dict[str, Any], name: str, use_case: UseCase) -> None:
    if name in use_case.numbers:
        instance[name] = None
    elif name in use_case.categories or name == use_case.event_id:
        instance[name] = "mended"
    else:
        del instance[name]


def prediction_thread() -> ThreadPoolExecutor:
    """Return the one thread that predicts; the event loop stays free to answer pings.

    OpenMP's number of threads is a setting of the calling thread: it must be limited in the thread that predicts.
    """
    return ThreadPoolExecutor(1, "predict", initializer=threadpool_limits, initargs=(1,))


def make_app(predictor: Predictor, thread: ThreadPoolExecutor) -> Starlette:
    """Return the application: GET /ping and POST /invocations."""

    async def invocations(request: Request) -> Response:
        try:
            body = await _body(request)
            answer = await asyncio.get_running_loop().run_in_executor(thread, predictor.answer, body)
        except RefusedRequestError as error:
            return _refused(error.status, error.problems)
        except ClientDisconnect:
            return _refused(400, [Problem("the client left before its request was whole", None)])
        except Exception as error:  # noqa: BLE001 - whatever a model raises is told to the client, and logged whole
            problem = Problem(f"the model failed: {type(error).__name__}", None)
            return _refused(500, [problem], traceback=traceback.format_exc())
        return Response(answer, media_type=JSON)

    async def ping(_request: Request) -> Response:
        return Response()

    routes = [Route("/invocations", invocations, methods=["POST"]), Route("/ping", ping, methods=["GET"])]
    return Starlette(routes=routes, exception_handlers={HTTPException: _not_routed})


async def _body(request: Request) -> bytes:
    """Return the request's body, of JSON by its content type (or by default) and not above MAX_BODY_BYTES."""
    kind = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if kind != JSON:
        raise RefusedRequestError(415, Problem(f"content type {kind} is not supported; send {JSON}", None))
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise RefusedRequestError(413, Problem(f"the body is larger than {MAX_BODY_BYTES} bytes", None))
    return bytes(body)


async def _not_routed(request: Request, error: Exception) -> Response:
    """Answer an unknown path (404) or method (405) in the form of all errors."""
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
    problem = Problem(f"{request.method} {request.url.path} is not served", None)
    return _refused(status, [problem], headers=headers)


def _refused(
    status: int, problems: Sequence[Problem], headers: Mapping[str, str] | None = None, **logged: str
) -> Response:
    """Answer an error, and log it as one line of JSON."""
    first = problems[0]._asdict()
    log.log(
        logging.ERROR if status >= 500 else logging.WARNING, "%s", _json({"status": status} | first | logged).decode()
    )
    content = {"error": first, "problems": [problem._asdict() for problem in problems]}
    return Response(_json(content), status, headers, media_type=JSON)


def _json(content: dict[str, Any]) -> bytes:
    """Return JSON in ASCII: a text of the request may hold half a surrogate pair, which UTF-8 cannot."""
    return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")
