"""The container registry on loopback, which starts and ends with LocalStack."""

import os
from pathlib import Path

from localstack.runtime import hooks

from infra.localcloud.aws.ecr.pushes import PUSHES
from infra.localcloud.jobs.registry_process import serve_registry


@hooks.on_infra_start()
def start_registry() -> None:
    """Serve a registry at STILE_REGISTRY_URL, whose pushes are noted."""
    serve_registry(Path(os.environ.get("STILE_LOCAL_HOME", ".")), PUSHES.note)
