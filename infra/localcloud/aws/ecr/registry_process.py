"""The container registry on loopback, which starts and ends with LocalStack."""

import os
from pathlib import Path

from localstack.runtime import hooks

from infra.localcloud.aws.ecr.pushes import PUSHES
from infra.localcloud.jobs import process


@hooks.on_infra_start()
def start_registry() -> None:
    """Serve a registry at STILE_REGISTRY_URL; does nothing where no URL is set (LocalStack run by hand)."""
    url = os.environ.get("STILE_REGISTRY_URL")
    if not url:
        return
    home = Path(os.environ["STILE_LOCAL_HOME"])
    blobs = home / "registry"
    blobs.mkdir(parents=True, exist_ok=True)
    address = url.removeprefix("http://")
    # --disk: layers of hundreds of megabytes do not belong in memory.
    command = (os.environ["STILE_CRANE"], "registry", "serve", "--address", address, "--disk", str(blobs))
    process.start(
        process.Command(argv=command, env=dict(os.environ), cwd=home),
        log_path=home / "logs" / "registry.log",
        sink=PUSHES.note,
    )
