"""What all stages share: the access that one grants on its resources, and where a cloud's implementation stands."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Literal, get_args

from components.errors import StileError

StepRole = Literal["ingest", "validate", "train", "evaluate", "govern", "register"]
"""The jobs of a pipeline, each with a role of its own; all candidates are trained under one."""

Role = Literal[StepRole, "jobs", "pipeline", "serving", "tracking"]
"""Who acts: a pipeline's jobs, the jobs that people start by hand, the pipeline, the serving containers, MLflow."""

JOBS: tuple[Role, ...] = (*get_args(StepRole), "jobs")
"""The roles of jobs."""

Grants = Mapping[Role, Sequence[Mapping[str, Any]]]
"""Per role, statements in the cloud's own form; values may be outputs."""


def together(*grants: Grants) -> dict[Role, list[Mapping[str, Any]]]:
    """Join what several stages grant into one list of statements per role."""
    joined: dict[Role, list[Mapping[str, Any]]] = {}
    for one in grants:
        for role, statements in one.items():
            joined.setdefault(role, []).extend(statements)
    return joined


STAGES = {
    "identity": "Identity",
    "images": "Images",
    "storage": "Storage",
    "registry": "Registry",
    "tracking": "Tracking",
    "training": "Training",
    "pipeline": "Pipeline",
    "endpoint": "Endpoint",
    "monitoring": "Monitoring",
    "budget": "Budget",
}
"""Each stage's package, and the name that its component token and its classes have in common."""


def implementation(cloud: str, stage: str) -> Any:
    """Return the class that implements a stage's contract on a cloud, such as components.storage.aws.AwsStorage.

    Raises StileError if the cloud's SDK is not installed, with the command that installs it.
    """
    try:
        module = import_module(f"components.{stage}.{cloud}")
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] == f"pulumi_{cloud}":
            fix = f"install it: uv sync --extra {cloud}"
            raise StileError(f"the SDK of {cloud} is not installed", path="stile:cloud", fix=fix) from error
        raise
    return getattr(module, cloud.capitalize() + STAGES[stage])
