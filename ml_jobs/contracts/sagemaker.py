"""SageMaker's container contract: the entries `train` and `serve`, from /opt/ml to a job's core or a user's script.

Source: Amazon SageMaker AI developer guide, "How Amazon SageMaker AI Provides Training Information" and "Use your own
algorithms or models", read 2026-11.
"""

import json
import os
from collections.abc import Sequence
from typing import Any

from ml_jobs import script_mode
from ml_jobs.contracts import candidate, sagemaker_job
from ml_jobs.contracts.addresses import bind_host
from ml_jobs.contracts.candidate import HYPERPARAMETERS
from ml_jobs.errors import JobError
from ml_jobs.settings import container_path

ENDPOINT = "AWS_ENDPOINT_URL"


def train(arguments: Sequence[str]) -> None:
    """Train as SageMaker asks: hyperparameters and the channel `features` in, /opt/ml/model out.

    A job that names a user's program runs that instead (script mode).

    Raises:
        JobError: an argument is given, a hyperparameter is missing, unknown or malformed, or the channel is absent.
    """
    if arguments:
        raise JobError(f"`train` takes its parameters from hyperparameters.json, not {' '.join(arguments)}")
    if script_mode.is_training(sagemaker_job.configuration("hyperparameters.json")):
        from ml_jobs.script_mode import training

        training.run()
    else:
        _train_candidate()


def _train_candidate() -> None:
    given = hyperparameters()
    channel = container_path("/opt/ml/input/data/features")
    if not channel.is_dir():
        raise JobError("the channel `features` is missing (/opt/ml/input/data/features)")
    candidate.train(given, "hyperparameters.json", channel, container_path("/opt/ml/model"))


def serve(arguments: Sequence[str]) -> None:
    """Serve /opt/ml/model on SAGEMAKER_BIND_TO_PORT (8080 unless set) until SIGTERM, by a use case or a user's script.

    The model's files lie there extracted, as the platform leaves them. For the address see `addresses.bind_host`.

    Raises:
        JobError: an argument is given, neither STILE_USE_CASE nor a script (SAGEMAKER_PROGRAM) says how to serve, or
            both do, the port is malformed, or the model is not the released one.
    """
    if arguments:
        raise JobError(f"`serve` takes its parameters from the environment, not {' '.join(arguments)}")
    port = os.environ.get("SAGEMAKER_BIND_TO_PORT") or "8080"
    if not (port.isascii() and port.isdigit()):
        raise JobError(f"SAGEMAKER_BIND_TO_PORT is {port!r}; it must be a port's number")
    if script_mode.is_serving():
        from ml_jobs.script_mode import serving as script_serving

        script_serving.serve(bind_host(os.environ, ENDPOINT), int(port))
        return
    use_case = os.environ.get("STILE_USE_CASE")
    if not use_case:
        raise JobError("STILE_USE_CASE is not set, nor SAGEMAKER_PROGRAM for a script of your own; `serve` needs one")
    from ml_jobs import serve as serving

    address = ["--host", bind_host(os.environ, ENDPOINT), "--port", port]
    serving.main(["--model", "/opt/ml/model", "--use-case", use_case, *address])


def hyperparameters() -> dict[str, str]:
    """Return the training job's hyperparameters: texts, or JSON texts as the vendor's SDK sends them.

    Raises:
        JobError: the file is missing or no JSON object, or holds an unknown name.
    """
    # The platform adds parameters of its own under these prefixes.
    content = sagemaker_job.configuration("hyperparameters.json")
    own = {name: _unquoted(value) for name, value in content.items() if not name.startswith(("sagemaker_", "_tuning_"))}
    unknown = sorted(own.keys() - set(HYPERPARAMETERS))
    if unknown:
        raise JobError(f"unknown hyperparameter {', '.join(unknown)}; there are {', '.join(HYPERPARAMETERS)}")
    return own


def _unquoted(value: Any) -> str:
    text = str(value)
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        return str(json.loads(text))
    return text
