"""Vertex AI's contract with a container: which variables a job and a model server find, and what is told of their end.

The platform moves no files: a job fetches its inputs and leaves its outputs itself, under its service account.

Sources:
https://cloud.google.com/vertex-ai/docs/training/code-requirements#environment-variables
https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements#aip-variables
The discovery document of aiplatform v1: ContainerSpec, EnvVar, Scheduling, DiskSpec.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.localcloud.jobs.definition import UnsupportedError
from infra.localcloud.jobs.process import Exit
from infra.localcloud.jobs.request import JobRequest, Kind, Machine
from infra.localcloud.jobs.transfer import ObjectStore

WEEK_SECONDS = 604_800.0
DISK_GIB = 100
POOL = "workerpool0"
LAST_LINES = 5
MESSAGE_CHARACTERS = 4096
LOG_FILE = "output.log"
DEFAULT_PORT = 8080
# What a CustomJob may ask for, and the local cloud has nothing of.
OTHER_POOL_MEMBERS = ("pythonPackageSpec", "nfsMounts", "lustreMounts")
_REFERENCE = re.compile(r"\$\$|\$\((?P<name>[A-Za-z_][A-Za-z0-9_]*)\)")


def custom_job_request(body: Mapping[str, Any], name: str, default_account: str) -> JobRequest:
    """Read a CustomJob, whose request was validated; `name` is its resource name.

    `default_account` is whom a job without a service account acts as: the project's service agent of custom code.
    Raises UnsupportedError for what would run otherwise than on Vertex AI.
    """
    spec = body["jobSpec"]
    pool = _only_pool(spec["workerPoolSpecs"])
    container, disk = pool["containerSpec"], pool.get("diskSpec") or {}
    target = (spec.get("baseOutputDirectory") or {}).get("outputUriPrefix") or ""
    project, identifier = name.split("/")[1], name.rsplit("/", 1)[-1]
    provided = _provided(project, identifier, target)
    environment = _in_order(container.get("env") or (), provided)
    return JobRequest(
        kind=Kind.TRAINING,
        name=identifier,
        identifier=name,
        image=container["imageUri"],
        role=spec.get("serviceAccount") or default_account,
        machine=Machine(
            (pool.get("machineSpec") or {}).get("machineType", ""), 1, int(disk.get("bootDiskSizeGb") or DISK_GIB)
        ),
        max_runtime_seconds=round(seconds((spec.get("scheduling") or {}).get("timeout"), WEEK_SECONDS)),
        entrypoint=_words(container.get("command"), environment),
        arguments=_words(container.get("args"), environment),
        environment=environment,
    )


def seconds(duration: str | None, default: float) -> float:
    """Read a duration of Google's JSON, such as `3.5s`."""
    return float(duration.removesuffix("s")) if duration else default


def environment(job: JobRequest) -> dict[str, str]:
    """Return the variables that the job finds: the vendor's, with the request's own over them."""
    return dict(job.environment)


def lay_out(job: JobRequest, files: Path) -> None:
    """Make nothing: on Vertex AI a container finds no files but its own."""


def fetch(job: JobRequest, files: Path, store: ObjectStore) -> None:
    """Bring nothing: the job fetches its inputs itself."""


def collect(job: JobRequest, files: Path, store: ObjectStore, *, succeeded: bool, stopped: bool) -> None:
    """Take nothing: the job has left its outputs itself."""


def message(job: JobRequest, files: Path) -> str:
    """Return what the job said of its end: the last lines of its output, for Vertex AI knows no failure file."""
    path = files.parent / LOG_FILE
    if not path.is_file():
        return ""
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - MESSAGE_CHARACTERS))
        lines = log.read().decode("utf-8", "replace").splitlines()
    return "\n".join(lines[-LAST_LINES:])


def failure(ended: Exit, last_words: str, logs_url: str) -> str:
    """Return the message of a failed job's error, as Vertex AI words it."""
    told = f"\n{last_words}\n" if last_words else " "
    return (
        f"The replica {POOL}-0 exited with a non-zero status of {ended.code}. Termination reason: Error.{told}"
        f"To find out more about why your job exited please check the logs: {logs_url}"
    )


def serving_environment(
    container: Mapping[str, Any], *, port: int, storage_uri: str, endpoint: str, deployed_model: str
) -> dict[str, str]:
    """Return the variables of a model's server: the vendor's, with the model's own over them.

    `container` is the model's containerSpec; `port` is the one that this machine gives it, which stands for the
    first of the spec's ports; `storage_uri` is the folder of the model's files.
    """
    route = f"/v1/endpoints/{endpoint}/deployedModels/{deployed_model}"
    provided = {
        "AIP_MODE": "PREDICTION",
        "AIP_HTTP_PORT": str(port),
        "AIP_HEALTH_ROUTE": container.get("healthRoute") or route,
        "AIP_PREDICT_ROUTE": container.get("predictRoute") or f"{route}:predict",
        "AIP_STORAGE_URI": storage_uri,
        "AIP_ENDPOINT_ID": endpoint,
        "AIP_DEPLOYED_MODEL_ID": deployed_model,
    }
    return _in_order(container.get("env") or (), provided)


def serving_words(container: Mapping[str, Any], environment: Mapping[str, str], member: str) -> tuple[str, ...] | None:
    """Return a model's `command` or `args`, with its variables put in; None where the image's own hold."""
    return _words(container.get(member), environment)


def _only_pool(pools: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    filled = [pool for pool in pools if pool]
    if len(filled) != 1 or int(filled[0].get("replicaCount") or 1) != 1:
        raise UnsupportedError("jobSpec.workerPoolSpecs: the local cloud runs one pool of one replica.")
    pool = filled[0]
    for member in OTHER_POOL_MEMBERS:
        if pool.get(member):
            raise UnsupportedError(f"jobSpec.workerPoolSpecs[0].{member}: is not implemented in the local cloud.")
    if (pool.get("machineSpec") or {}).get("acceleratorType"):
        raise UnsupportedError("jobSpec.workerPoolSpecs[0].machineSpec.acceleratorType: there are none locally.")
    return pool


def _provided(project: str, identifier: str, target: str) -> dict[str, str]:
    """Return the vendor's own variables; the folders are there where the job names an output directory."""
    cluster = {
        "cluster": {POOL: [f"{POOL}-0:2222"]},
        "environment": "cloud",
        "task": {"type": POOL, "index": 0},
    }
    found = {"CLOUD_ML_JOB_ID": identifier, "CLOUD_ML_PROJECT_ID": project, "CLUSTER_SPEC": json.dumps(cluster)}
    if target:
        folders = {"AIP_MODEL_DIR": "model", "AIP_CHECKPOINT_DIR": "checkpoints", "AIP_TENSORBOARD_LOG_DIR": "logs"}
        found |= {variable: f"{target.rstrip('/')}/{folder}/" for variable, folder in folders.items()}
    return found


def _in_order(own: Sequence[Mapping[str, str]], provided: Mapping[str, str]) -> dict[str, str]:
    """Join variables: each may refer to those before it, as `$(NAME)`."""
    known = dict(provided)
    for variable in own:
        known[variable["name"]] = _expanded(str(variable.get("value", "")), known)
    return known


def _words(value: Sequence[str] | None, environment: Mapping[str, str]) -> tuple[str, ...] | None:
    return tuple(_expanded(str(word), environment) for word in value) if value else None


def _expanded(text: str, known: Mapping[str, str]) -> str:
    """Put variables in; a name that is not known stays as it is, and `$$` is one dollar."""

    def put(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else known.get(found["name"], found[0])

    return _REFERENCE.sub(put, text)
