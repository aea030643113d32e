"""Vertex AI's container contract: the entries `train`, `run` and `serve`, from gs:// addresses to a job's core.

The platform brings a container no files: what a job reads is fetched into folders before it, and what it wrote is left
in Cloud Storage after it has succeeded. A job that fails or is stopped leaves nothing. Why it failed is the last line
that it writes: Vertex AI shows the end of the log, and knows no failure file.

Sources: https://cloud.google.com/vertex-ai/docs/training/code-requirements and
https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements, read 2026-11.
"""

import argparse
import importlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml_jobs.contracts import candidate, cloud_storage, vertex_job
from ml_jobs.contracts.addresses import bind_host
from ml_jobs.contracts.capture import Capture
from ml_jobs.errors import JobError

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import Message

Folders = Mapping[str, str]
ENDPOINT = "STILE_GCP_ENDPOINT"
ROUTES = {"AIP_PREDICT_ROUTE": "/invocations", "AIP_HEALTH_ROUTE": "/ping"}
"""Vertex AI's routes, and what answers them."""


def train(arguments: Sequence[str]) -> None:
    """Train as Vertex AI asks: hyperparameters as options, `--input=features=gs://...` in, AIP_MODEL_DIR out.

    Raises:
        JobError: an option is missing, unknown or malformed, or an address cannot be read or written.
    """
    parser = _parser("train")
    for name in candidate.HYPERPARAMETERS:
        parser.add_argument(f"--{name}")
    given, unknown = parser.parse_known_args(arguments)
    if unknown:
        raise JobError(f"unknown option {' '.join(unknown)}; there are input, {', '.join(candidate.HYPERPARAMETERS)}")
    target = os.environ.get("AIP_MODEL_DIR")
    if not target:
        raise JobError("AIP_MODEL_DIR is not set: give the job a baseOutputDirectory, where its model goes")
    inputs = _folders(given.input, "--input")
    if "features" not in inputs:
        raise JobError("the input `features` is missing: give --input=features=gs://<bucket>/<folder>")
    texts = {name: getattr(given, name) for name in candidate.HYPERPARAMETERS if getattr(given, name) is not None}
    with _scratch() as scratch:
        fetched, model = _fetch(inputs, Path(scratch) / "input"), Path(scratch) / "model"
        candidate.train(texts, "the command line", fetched["features"], model)
        cloud_storage.upload(model, target)


def run(arguments: Sequence[str]) -> None:
    """Run a module's `main` with a folder for each input and output: `MODULE --input=NAME=URI --output=NAME=URI ...`.

    The module gets `--NAME DIR` for each, beside all other arguments. An input's name may have a slash: the folder
    of the first part holds those of the second, as subfolders.

    Raises:
        JobError: there is no such module, an address cannot be read or written, or the module says so.
    """
    with _scratch() as scratch:
        step = read_step(arguments, Path(scratch))
        main = _main_of(step.module)
        _fetch(step.inputs, step.read)
        for name in step.outputs:
            (step.written / name).mkdir(parents=True)
        main(step.arguments)
        for name, uri in step.outputs.items():
            cloud_storage.upload(step.written / name, uri)


@dataclass(frozen=True)
class Step:
    """What `run` is asked for.

    Attributes:
        module: whose `main` runs.
        arguments: what it gets.
        inputs: name -> gs:// URI, to be fetched into `read`/name.
        outputs: name -> gs:// URI, of what the module leaves in `written`/name.
    """

    module: str
    arguments: list[str]
    inputs: Folders
    outputs: Folders
    read: Path
    written: Path


def read_step(arguments: Sequence[str], scratch: Path) -> Step:
    """Read the command line of `run`, for folders below `scratch`.

    Raises:
        JobError: an input or output is malformed.
    """
    parser = _parser("run")
    parser.add_argument("module")
    parser.add_argument("--output", action="append", default=[], metavar="NAME=URI")
    given, rest = parser.parse_known_args(arguments)
    inputs, outputs = _folders(given.input, "--input"), _folders(given.output, "--output")
    read, written = scratch / "input", scratch / "output"
    # Inputs below one name share a folder.
    folders = {name.partition("/")[0]: read / name.partition("/")[0] for name in inputs}
    folders |= {name: written / name for name in outputs}
    options = [word for name, folder in folders.items() for word in (f"--{name}", str(folder))]
    return Step(given.module, [*rest, *options], inputs, outputs, read, written)


def serve(arguments: Sequence[str]) -> None:
    """Serve the model of AIP_STORAGE_URI on AIP_HTTP_PORT until SIGTERM, under AIP_PREDICT_ROUTE and AIP_HEALTH_ROUTE.

    Raises:
        JobError: an argument is given, a variable is missing or malformed, or the model is not the registered one.
    """
    if arguments:
        raise JobError(f"`serve` takes its parameters from the environment, not {' '.join(arguments)}")
    environ = deployed(os.environ)
    missing = [name for name in ("AIP_STORAGE_URI", "STILE_USE_CASE") if not environ.get(name)]
    if missing:
        raise JobError(f"{' and '.join(missing)} is not set; `serve` needs it")
    port = environ.get("AIP_HTTP_PORT") or "8080"
    if not (port.isascii() and port.isdigit()):
        raise JobError(f"AIP_HTTP_PORT is {port!r}; it must be a port's number")
    from ml_jobs import http_server
    from ml_jobs.serve import load_predictor
    from ml_jobs.serving_app import make_app, prediction_thread
    from ml_jobs.use_cases import load

    thread = prediction_thread()
    with _scratch() as scratch:
        cloud_storage.download(environ["AIP_STORAGE_URI"], Path(scratch))
        predictor = load_predictor(Path(scratch), load(environ["STILE_USE_CASE"]), thread, environ)
    with _scratch() as scratch:
        captured = Capture.of(environ, Path(scratch))
        app = routed(make_app(predictor, thread), environ, captured)
        http_server.run(app, http_server.listening_socket(bind_host(environ, ENDPOINT), int(port)))
        if captured is not None:
            captured.close()
    thread.shutdown()


def deployed(environ: Mapping[str, str]) -> dict[str, str]:
    """Return a serving container's variables: those of its version, and over them those of its deployment.

    Vertex AI hands a deployment none. They lie in `<STILE_SERVING_URI>/<AIP_ENDPOINT_ID>/<AIP_DEPLOYED_MODEL_ID>.json`;
    a model that somebody else deployed has no such object, and serves with its version's.

    Raises:
        JobError: Cloud Storage refuses, or the object is not one of variables.
    """
    folder, *ids = (environ.get(name, "") for name in ("STILE_SERVING_URI", "AIP_ENDPOINT_ID", "AIP_DEPLOYED_MODEL_ID"))
    if not (folder and all(ids)):
        return dict(environ)
    uri = f"{folder.rstrip('/')}/{'/'.join(ids)}.json"
    content = cloud_storage.read(uri)
    if content is None:
        return dict(environ)
    try:
        told = json.loads(content)
    except ValueError as error:
        raise JobError(f"{uri} is not JSON: {error}") from error
    if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
        raise JobError(f"{uri} must be an object of variables, each a text")
    return {**environ, **told}


def routed(app: "Starlette", environ: Mapping[str, str], captured: Capture | None = None) -> "Starlette":
    """Answer the platform's routes as well as our own; what comes by the platform's and is predicted is captured.

    An answer to Vertex AI holds `predictions` alone: it adds the model's name and version itself, under names that
    ours would stand in the way of.
    """
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from ml_jobs.http_answers import JSON, to_json

    own = {route.path: route.endpoint for route in app.routes if isinstance(route, Route)}

    async def predict(request: Request) -> Response:
        body = bytearray()

        async def receive() -> "Message":
            message = await request.receive()
            body.extend(message.get("body", b""))
            return message

        answer: Response = await own["/invocations"](Request(request.scope, receive))
        if answer.status_code != 200:
            return answer
        if captured is not None:
            captured.note(bytes(body), bytes(answer.body))
        content = json.loads(bytes(answer.body))
        return Response(to_json({"predictions": content["predictions"]}), media_type=JSON)

    answering = {"AIP_PREDICT_ROUTE": (predict, "POST"), "AIP_HEALTH_ROUTE": (own["/ping"], "GET")}
    for variable, (endpoint, method) in answering.items():
        path = environ.get(variable) or ROUTES[variable]
        if path not in own:
            app.router.routes.append(Route(path, endpoint, methods=[method]))
    return app


def _scratch() -> tempfile.TemporaryDirectory[str]:
    """Make a folder that goes at the end; below the container's root where it has no mount namespace of its own."""
    root = os.environ.get("STILE_CONTAINER_ROOT")
    return tempfile.TemporaryDirectory(prefix="stile-", dir=Path(root, "tmp") if root else None)


def _parser(entry: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog=entry, allow_abbrev=False)
    made.add_argument("--input", action="append", default=[], metavar="NAME=URI")
    return made


def _folders(given: Sequence[str], option: str) -> dict[str, str]:
    """Read `NAME=URI` of each option. Raises JobError."""
    found: dict[str, str] = {}
    for text in given:
        name, is_there, uri = text.partition("=")
        if not (name and is_there) or name in found or Path(name).is_absolute() or ".." in Path(name).parts:
            raise JobError(f"{option} is {text!r}; it must be NAME=gs://<bucket>/<folder>, each NAME once")
        cloud_storage.split(uri)
        found[name] = uri
    return found


def _fetch(uris: Folders, folder: Path) -> dict[str, Path]:
    """Fetch each input into a folder of its name, and note where it came from."""
    fetched = {name: folder / name for name in uris}
    for name, path in fetched.items():
        cloud_storage.download(uris[name], path)
    vertex_job.note_input_uris({path: uris[name] for name, path in fetched.items()})
    return fetched


def _main_of(module: str) -> candidate.Entry:
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise JobError(f"there is no module {module}") from error
    main: candidate.Entry | None = getattr(found, "main", None)
    if main is None:
        raise JobError(f"the module {module} has no main(arguments)")
    return main
