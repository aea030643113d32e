"""Serve: the process that loads one released model, and answers over HTTP until it is told to stop."""

import argparse
import logging
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import uvicorn

from ml_jobs import artifacts, command, matrix, model_file
from ml_jobs.errors import JobError
from ml_jobs.serving_app import Predictor, ServedModel, make_app, prediction_thread
from ml_jobs.use_cases import UseCase

log = logging.getLogger("ml_jobs.serve")
LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 8080
BACKLOG = 2048
# The vendor kills a container 30 seconds after SIGTERM.
GRACE_SECONDS = 20
# Longer than proxies keep an idle connection (60 seconds is usual): none must send into one that we just closed.
KEEP_ALIVE_SECONDS = 120


def load_predictor(
    folder: Path, use_case: UseCase, thread: ThreadPoolExecutor, environ: Mapping[str, str]
) -> Predictor:
    """Load `model.skops` of a folder, checked against the release in the environment, and predict once with it.

    STILE_MODEL and STILE_MODEL_VERSION name the model in the answers; STILE_MODEL_SHA256 is the digest that was
    released: without it any model is served.

    Raises:
        ModelDigestError: the model's digest is not the released one; the message names both.
        JobError: there is no model, its types are not trusted, or it does not take the use case's features.
    """
    path = folder / artifacts.MODEL
    model = model_file.load(path, sha256=environ.get("STILE_MODEL_SHA256") or None)
    thread.submit(_predict_once, model, use_case, path).result()
    served = ServedModel(
        name=environ.get("STILE_MODEL") or use_case.name,
        version=environ.get("STILE_MODEL_VERSION") or None,
        sha256=artifacts.file_sha256(path),
    )
    log.info("loaded %s, version %s, sha256 %s", served.name, served.version or "none", served.sha256)
    return Predictor(model, use_case, served)


def _predict_once(model: Any, use_case: UseCase, path: Path) -> None:
    """Predict an event of which nothing is known: the first request finds everything imported and warm."""
    nothing = {use_case.event_id: "none", **dict.fromkeys(use_case.categories, ""), **dict.fromkeys(use_case.numbers)}
    rows = matrix.from_instances([nothing], use_case)
    try:
        matrix.probabilities(model, rows)
    except (AttributeError, ValueError) as error:
        raise JobError(f"{path} is no model of {use_case.name}: {error}") from error


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens; what it accepts inherits TCP_NODELAY, without which small answers wait 40 ms.

    Raises:
        JobError: the address cannot be had.
    """
    try:
        listening = socket.create_server((host, port), backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise JobError(f"cannot listen on {host}:{port}: {error}") from error
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def serve(predictor: Predictor, thread: ThreadPoolExecutor, listening: socket.socket) -> None:
    """Answer until SIGTERM or SIGINT; requests under way are finished first."""
    config = uvicorn.Config(
        make_app(predictor, thread),
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = uvicorn.Server(config)

    def stop(_signum: int, _frame: object) -> None:
        server.should_exit = True

    # The server has handlers of its own while it runs and repeats the signal to these at its end. Before it runs, a
    # signal must not be lost; afterwards the stop that was asked for is done, which is no failure.
    for asked in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked, stop)
    host, port = listening.getsockname()[:2]
    log.info("serving on http://%s:%d", host, port)
    server.run(sockets=[listening])
    thread.shutdown()
    log.info("stopped")


def arguments() -> argparse.ArgumentParser:
    """Return the job's parser."""
    made = command.parser("serve", __doc__ or "", model="directory of the model's files")
    made.add_argument("--host", default=LOOPBACK, help=f"address to listen on (default: {LOOPBACK})")
    made.add_argument("--port", type=int, default=DEFAULT_PORT, help=f"0 for a free one (default: {DEFAULT_PORT})")
    return made


def main(argv: Sequence[str]) -> None:
    """Run the job with command line arguments."""
    given = arguments().parse_args(argv)
    thread = prediction_thread()
    predictor = load_predictor(given.model, command.use_case_of(given), thread, os.environ)
    serve(predictor, thread, listening_socket(given.host, given.port))


if __name__ == "__main__":
    raise SystemExit(command.run(main))
