"""How the local Google Cloud is started: our own server, in the environment that runs Stile itself."""

import sys
from pathlib import Path

from infra.localcloud.launch import Launch, LocalCloud
from infra.localcloud.preparation import prepare_gcp

ROOT = Path(__file__).resolve().parents[2]


def _lay_out(home: Path) -> None:
    """Nothing: the server makes its own folders."""


def _command(cloud: LocalCloud, home: Path) -> list[str]:
    port = cloud.endpoint_url.rpartition(":")[2]
    return [sys.executable, "-m", "infra.localcloud.gcp", "--port", port, "--state", str(home)]


def _environment(cloud: LocalCloud, home: Path) -> dict[str, str]:
    return {
        "PYTHONPATH": str(ROOT),
        # What it starts asks it and nobody else.
        "STORAGE_EMULATOR_HOST": cloud.endpoint_url,
        "STILE_GCP_ENDPOINT": cloud.endpoint_url,
        "GOOGLE_CLOUD_PROJECT": "stile-local",
        "CLOUDSDK_AUTH_ACCESS_TOKEN": "test",
    }


GCP = Launch(
    title="the local Google Cloud",
    prepare=prepare_gcp,
    lay_out=_lay_out,
    command=_command,
    environment=_environment,
    health="/_stile/health",
)
