"""Installs what a user's requirements.txt asks for and the image does not have, into a folder of the job's own."""

import json
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ml_jobs.errors import JobError
from ml_jobs.settings import container_path

log = logging.getLogger("ml_jobs.script_mode")
REQUIREMENTS = "requirements.txt"
PACKAGES = "/opt/ml/packages"
SHOWN_LINES = 6


def install(code: Path) -> Path | None:
    """Install what the code's requirements.txt (and setup.py) lacks; return the folder of packages, None if none.

    What the image has already is not fetched again, so that a job whose requirements it meets needs no network.

    Raises:
        JobError: pip cannot install; the message holds its last words, as the vendor's InstallRequirementsError.
    """
    asked = ["-r", REQUIREMENTS] if (code / REQUIREMENTS).is_file() else []
    if (code / "setup.py").is_file():
        asked.append(".")
    if not asked:
        return None
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        _pip(code, "--dry-run", "--report", str(report), *asked)
        missing = [_exact(item) for item in json.loads(report.read_text("utf-8"))["install"]]
    if not missing:
        log.info("the image meets %s", REQUIREMENTS)
        return None
    log.info("installing %s", ", ".join(missing))
    target = container_path(PACKAGES)
    _pip(code, "--no-deps", "--target", str(target), *missing)
    return target


def _exact(item: dict[str, Any]) -> str:
    """Return one entry of pip's report as a requirement on the very file that was chosen."""
    return f"{item['metadata']['name']} @ {item['download_info']['url']}"


def _pip(code: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    ended = subprocess.run(
        command,
        cwd=code,
        env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    sys.stdout.write(ended.stdout)
    sys.stdout.flush()
    if ended.returncode:
        said = "\n".join(ended.stdout.strip().splitlines()[-SHOWN_LINES:])
        raise JobError(
            f'InstallRequirementsError:\nExitCode {ended.returncode}\nErrorMessage "{said}"\n'
            f'Command "{" ".join(command)}"\n'
            f"fix: pip must reach a package registry from the job (PIP_INDEX_URL in the job's environment), or "
            f"{REQUIREMENTS} must ask for what the image has"
        )
