"""Serve: the process that loads one released model, and answers over HTTP until it is told to stop."""

import argparse
import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ml_jobs import artifacts, command, http_server, matrix, model_file
from ml_jobs.errors import JobError
from ml_jobs.serving_app import Predictor, ServedModel, make_app, prediction_thread
from ml_jobs.use_cases import UseCase

log = logging.getLogger("ml_jobs.serve")
LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 8080


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
    http_server.run(make_app(predictor, thread), http_server.listening_socket(given.host, given.port))
    thread.shutdown()


if __name__ == "__main__":
    raise SystemExit(command.run(main))
