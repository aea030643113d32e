"""What the clouds' ways of starting have in common: the running cloud, and what each cloud says of itself."""

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.localcloud.preparation import Progress, cache, inherited, mlflow_database

BOOT_VARIABLE = "STILE_BOOT_ID"


@dataclass(frozen=True)
class LocalCloud:
    """A running local cloud.

    Attributes:
        cloud: `aws` or `gcp`.
        pid: the process whose end is the cloud's end.
        boot_id: new at every start; a cloud with another boot_id holds nothing of this one.
        endpoint_url: where all its services answer.
        registry_url: where its container registry answers.
        state_dir: the state directory it belongs to.
        log_path: its log.
    """

    cloud: str
    pid: int
    boot_id: str
    endpoint_url: str
    registry_url: str
    state_dir: Path
    log_path: Path


@dataclass(frozen=True)
class Launch:
    """How one cloud is started.

    Attributes:
        title: what progress calls it.
        prepare: builds what is built once.
        lay_out: makes the folders and links that it needs in its home, which is empty.
        command: returns the program and its arguments.
        environment: returns the variables that are its own.
        health: the path that answers when it is ready.
    """

    title: str
    prepare: Callable[[Progress], None]
    lay_out: Callable[[Path], None]
    command: Callable[[LocalCloud, Path], list[str]]
    environment: Callable[[LocalCloud, Path], dict[str, str]]
    health: str


def variables(cloud: LocalCloud, home: Path, crane: str) -> dict[str, str]:
    """Return the variables that our services see in every cloud.

    Args:
        cloud: the cloud that is being started.
        home: its folder.
        crane: the program that serves the container registry.
    """
    return {
        **inherited(),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(home / "tmp"),
        BOOT_VARIABLE: cloud.boot_id,
        "STILE_LOCAL_HOME": str(home),
        "STILE_REGISTRY_URL": cloud.registry_url,
        "STILE_CRANE": crane,
        **_mlflow(),
        "STILE_JOBS_DIR": str(home / "jobs"),
        "STILE_JOB_PYTHON": sys.executable,
        # Unpacked images, which outlive a local cloud.
        "STILE_IMAGE_CACHE": str(cache() / "containers"),
    }


def _mlflow() -> dict[str, str]:
    """How our services start MLflow; nothing without it, and creating an MLflow server then fails with that reason."""
    database = mlflow_database()
    if database is None:
        return {}
    return {
        "STILE_MLFLOW_COMMAND": shlex.join([sys.executable, "-m", "mlflow"]),
        "STILE_MLFLOW_DATABASE": str(database),
    }
