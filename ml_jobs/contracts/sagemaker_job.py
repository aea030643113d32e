"""What any job under SageMaker's container contract can learn of itself, and where it leaves the reason of a failure.

Source: Amazon SageMaker AI developer guide, "How Amazon SageMaker AI Provides Training Information" and "How Amazon
SageMaker AI Processing Runs Your Processing Container Image", read 2026-11.
"""

import json
from pathlib import Path
from typing import Any

from ml_jobs.errors import JobError
from ml_jobs.settings import container_path

MAX_MESSAGE_CHARACTERS = 1024


def configuration(name: str) -> dict[str, Any]:
    """Return one of a training job's configuration files, by its name below /opt/ml/input/config.

    Raises:
        JobError: it is missing or no JSON object.
    """
    path = container_path("/opt/ml/input/config") / name
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise JobError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise JobError(f"{path} holds no JSON object")
    return content


def input_uris() -> dict[Path, str]:
    """Return where each input of a processing job came from: local path -> S3 URI; empty outside such a job."""
    path = container_path("/opt/ml/config/processingjobconfig.json")
    if not path.is_file():
        return {}
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    inputs = [entry.get("S3Input") or {} for entry in content.get("ProcessingInputs") or []]
    return {
        container_path(entry["LocalPath"]): str(entry["S3Uri"])
        for entry in inputs
        if "LocalPath" in entry and "S3Uri" in entry
    }


def report_failure(message: str) -> None:
    """Leave the reason where the platform looks for it: FailureReason of training, ExitMessage of processing.

    A reason that lies there already stays: a user's script may have left its own.
    """
    reports = {"/opt/ml/input/config": "/opt/ml/output/failure", "/opt/ml/config": "/opt/ml/output/message"}
    for sign, target in reports.items():
        if container_path(sign).is_dir():
            path = container_path(target)
            if path.exists():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(message[:MAX_MESSAGE_CHARACTERS], encoding="utf-8")
