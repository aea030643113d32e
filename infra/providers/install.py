"""Puts our stand-ins for the clouds' provider plugins into a PULUMI_HOME of their own, never on PATH."""

import importlib.metadata
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from infra.errors import ToolchainError


def install_stand_in(pulumi: Path, pulumi_home: Path, cloud: str = "aws") -> Path:
    """Install the stand-in for a cloud's plugin, for the version that the installed SDK asks for.

    Quick when it is there. Returns the plugin's folder. Raises ToolchainError with the CLI's own words.
    """
    version = importlib.metadata.version(f"pulumi-{cloud}")
    return install_plugin(pulumi, pulumi_home, cloud, version, [sys.executable, "-m", f"infra.providers.{cloud}"])


def install_plugin(pulumi: Path, pulumi_home: Path, name: str, version: str, command: Sequence[str]) -> Path:
    """Install a resource plugin that is started by `command`. Raises ToolchainError with the CLI's own words."""
    executable = f"pulumi-resource-{name}"
    installed = pulumi_home / "plugins" / f"resource-{name}-v{version}" / executable
    script = f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n'
    if installed.is_file() and installed.read_text() == script:
        return installed.parent
    pulumi_home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, executable)
        file.write_text(script)
        file.chmod(0o755)
        _run_installer(pulumi, pulumi_home, name, version, Path(folder))
    return installed.parent


def _run_installer(pulumi: Path, pulumi_home: Path, name: str, version: str, folder: Path) -> None:
    command = [str(pulumi), "plugin", "install", "resource", name, version, "--reinstall", "-f", str(folder.resolve())]
    environment = {**os.environ, "PULUMI_HOME": str(pulumi_home), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ToolchainError(f"cannot install the local stand-in for the {name} plugin: {done.stderr.strip()}")
