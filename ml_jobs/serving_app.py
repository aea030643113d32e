"""What serving answers: requests checked, predicted in one thread, and answered as JSON; serve.py is the process."""

import json
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

from ml_jobs import http_answers, matrix
from ml_jobs.batches import Batches
from ml_jobs.http_answers import JSON, Problem, RefusedRequestError, not_routed, refused, to_json
from ml_jobs.matrix import BadInstanceError
from ml_jobs.use_cases import UseCase

MAX_ROWS = 10_000
MAX_PROBLEMS = 20


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

    def answers(self, bodies: Sequence[bytes]) -> list[bytes]:
        """Return the answer's body for each request's body, by one call of the model.

        Raises:
            RefusedRequestError: a body is no JSON, or its instances cannot be predicted.
        """
        asked = [read_instances(body) for body in bodies]
        rows = [self._rows(instances) for instances in asked]
        predicted = matrix.probabilities(self._model, np.concatenate(rows))
        each = np.split(predicted, np.cumsum([len(one) for one in rows])[:-1])
        return [self._answer(instances, one.tolist()) for instances, one in zip(asked, each, strict=True)]

    def _rows(self, instances: list[Any]) -> matrix.Matrix:
        try:
            return matrix.from_instances(instances, self._use_case)
        except BadInstanceError as error:
            raise RefusedRequestError(400, *problems_of(instances, self._use_case)) from error

    def _answer(self, instances: list[Any], predicted: list[float]) -> bytes:
        case = self._use_case
        predictions = [
            {"event_id": instance[case.event_id], "probability": value, case.positive: value >= case.threshold}
            for instance, value in zip(instances, predicted, strict=True)
        ]
        return to_json({"predictions": predictions, "model": self._identity})


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
    batches = Batches(predictor.answers, thread)

    async def invocations(request: Request) -> Response:
        try:
            body = await _body(request)
            answer = await batches.answer(body)
        except RefusedRequestError as error:
            return refused(error.status, error.problems)
        except ClientDisconnect:
            return refused(400, [Problem("the client left before its request was whole", None)])
        except Exception as error:  # noqa: BLE001 - whatever a model raises is told to the client, and logged whole
            problem = Problem(f"the model failed: {type(error).__name__}", None)
            return refused(500, [problem], traceback=traceback.format_exc())
        return Response(answer, media_type=JSON)

    async def ping(_request: Request) -> Response:
        return Response()

    routes = [Route("/invocations", invocations, methods=["POST"]), Route("/ping", ping, methods=["GET"])]
    return Starlette(routes=routes, exception_handlers={HTTPException: not_routed})


async def _body(request: Request) -> bytes:
    """Return the request's body, of JSON by its content type (or by default)."""
    kind = http_answers.content_type(request, JSON)
    if kind != JSON:
        raise RefusedRequestError(415, Problem(f"content type {kind} is not supported; send {JSON}", None))
    return await http_answers.read_body(request)
