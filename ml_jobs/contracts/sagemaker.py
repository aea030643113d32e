"""SageMaker's container contract: the entries `train` and `serve`, from /opt/ml to a job's core or a user's script.

Source: Amazon SageMaker AI developer guide, "How Amazon SageMaker AI Provides Training Information" and "Use your own
algorithms or models", read 2026-11.
"""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ml_jobs import script_mode
from ml_jobs.contracts import sagemaker_job
from ml_jobs.errors import JobError
from ml_jobs.settings import container_path

LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")
HYPERPARAMETERS = ("use_case", "candidate", "seed", "shuffle_labels")
_TRUTH = {"true": True, "false": False}


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
    from ml_jobs.settings import read_settings
    from ml_jobs.train import TrainRequest, train_candidate
    from ml_jobs.use_cases import load

    given = hyperparameters()
    settings = read_settings(use_case=given.get("use_case"))
    use_case = settings.use_case
    missing = [name for name, value in (("use_case", use_case), ("candidate", given.get("candidate"))) if not value]
    if use_case is None or missing:
        raise JobError(f"hyperparameters.json lacks {', '.join(missing)}")
    request = TrainRequest(
        candidate=given["candidate"],
        seed=_integer(given.get("seed", "7")),
        shuffle_labels=_truth(given.get("shuffle_labels", "false")),
    )
    channel = container_path("/opt/ml/input/data/features")
    if not channel.is_dir():
        raise JobError("the channel `features` is missing (/opt/ml/input/data/features)")
    train_candidate(load(use_case), settings, request, channel, container_path("/opt/ml/model"))


def serve(arguments: Sequence[str]) -> None:
    """Serve /opt/ml/model on SAGEMAKER_BIND_TO_PORT (8080 unless set) until SIGTERM, by a use case or a user's script.

    The model's files lie there extracted, as the platform leaves them. For the address see `bind_host`.

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

        script_serving.serve(bind_host(os.environ), int(port))
        return
    use_case = os.environ.get("STILE_USE_CASE")
    if not use_case:
        raise JobError("STILE_USE_CASE is not set, nor SAGEMAKER_PROGRAM for a script of your own; `serve` needs one")
    from ml_jobs import serve as serving

    address = ["--host", bind_host(os.environ), "--port", port]
    serving.main(["--model", "/opt/ml/model", "--use-case", use_case, *address])


def bind_host(environ: Mapping[str, str]) -> str:
    """Return the address that a model server listens on.

    That is STILE_BIND_HOST where it is set. Otherwise it is all addresses, as the vendor's contract asks: its proxy
    comes from outside the container. But a cloud that is itself on loopback (AWS_ENDPOINT_URL) asks from loopback,
    and shares this machine's network: there it is 127.0.0.1.
    """
    told = environ.get("STILE_BIND_HOST")
    if told:
        return told
    cloud = urlsplit(environ.get("AWS_ENDPOINT_URL") or "").hostname
    return "127.0.0.1" if cloud in LOOPBACK_HOSTS else "0.0.0.0"  # noqa: S104 - see above


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


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise JobError(f"hyperparameter seed is {text!r}; it must be a whole number") from error


def _truth(text: str) -> bool:
    if text.lower() not in _TRUTH:
        raise JobError(f"hyperparameter shuffle_labels is {text!r}; it can be true or false")
    return _TRUTH[text.lower()]
