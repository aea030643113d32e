"""The container registry on loopback, which starts and ends with the local cloud."""

import os
from pathlib import Path

from infra.localcloud.jobs import process


def serve_registry(home: Path, sink: process.Sink = lambda line: None) -> None:
    """Serve a registry at STILE_REGISTRY_URL; does nothing where no URL is set (a local cloud run by hand).

    Args:
        home: the local cloud's folder; blobs and the registry's log are kept below it.
        sink: takes the registry's log lines.
    """
    url = os.environ.get("STILE_REGISTRY_URL")
    if not url:
        return
    blobs, logs = home / "registry", home / "logs"
    for folder in (blobs, logs):
        folder.mkdir(parents=True, exist_ok=True)
    address = url.removeprefix("http://")
    # --disk: layers of hundreds of megabytes do not belong in memory.
    command = (os.environ["STILE_CRANE"], "registry", "serve", "--address", address, "--disk", str(blobs))
    process.start(
        process.Command(argv=command, env=dict(os.environ), cwd=home), log_path=logs / "registry.log", sink=sink
    )
