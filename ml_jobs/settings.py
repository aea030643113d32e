"""What a job is told by its environment: names, the execution, the cloud; and where the container's root is."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ml_jobs.errors import JobError

CLOUDS = ("local", "aws", "gcp")
CONTAINER_HOME = "/opt/ml"
BY_HAND = "by-hand"


@dataclass(frozen=True)
class Settings:
    """The environment of one job.

    Attributes:
        model: the model's name; by hand the use case's.
        use_case: the use case, or None if only the command line names it.
        execution_id: the pipeline execution; `by-hand` outside a pipeline.
        cloud: which registry adapter serves: `local`, `aws` or `gcp`.
        image: the image's URI with its digest, or None outside a container.
        model_package_group: the registry's group on SageMaker.
        tracking_uri: MLflow's tracking URI, or None for ./mlruns.
        experiment: MLflow's experiment; the model's name unless told.
        registry_dir: folder of the local registry.
    """

    model: str
    use_case: str | None
    execution_id: str
    cloud: str
    image: str | None
    model_package_group: str | None
    tracking_uri: str | None
    experiment: str
    registry_dir: Path


def read_settings(environ: Mapping[str, str] | None = None, *, use_case: str | None = None) -> Settings:
    """Read the settings from the environment, with the command line's use case over it.

    Raises:
        JobError: STILE_CLOUD is none of `CLOUDS`.
    """
    env = os.environ if environ is None else environ
    named = use_case or env.get("STILE_USE_CASE")
    model = env.get("STILE_MODEL") or named or "model"
    cloud = env.get("STILE_CLOUD") or "local"
    if cloud not in CLOUDS:
        raise JobError(f"STILE_CLOUD is {cloud!r}; it can be {', '.join(CLOUDS)}")
    return Settings(
        model=model,
        use_case=named,
        execution_id=env.get("STILE_EXECUTION_ID") or BY_HAND,
        cloud=cloud,
        image=env.get("STILE_IMAGE") or None,
        model_package_group=env.get("STILE_MODEL_PACKAGE_GROUP") or None,
        tracking_uri=env.get("MLFLOW_TRACKING_URI") or None,
        experiment=env.get("MLFLOW_EXPERIMENT_NAME") or model,
        registry_dir=Path(env.get("STILE_REGISTRY_DIR") or "registry"),
    )


def container_path(text: str, environ: Mapping[str, str] | None = None) -> Path:
    """Return a path, with /opt/ml moved under STILE_CONTAINER_ROOT where that is set (no mount namespace)."""
    env = os.environ if environ is None else environ
    root = env.get("STILE_CONTAINER_ROOT")
    path = Path(text)
    if root and path.is_absolute() and path.is_relative_to(CONTAINER_HOME):
        return Path(root) / path.relative_to("/")
    return path
