"""The files of a run: their names, JSON as it is written, and digests."""

import hashlib
import json
from pathlib import Path
from typing import Any

from ml_jobs.errors import JobError

BASELINE = "baseline"
CANDIDATES = "candidates"
CONSTRAINTS = "constraints.json"
DECISION = "decision.json"
EVALUATION = "evaluation.json"
FEATURES = "features.parquet"
LINEAGE = "lineage.json"
METRICS = "metrics.json"
MODEL = "model.skops"
PARAMS = "params.json"
PREDICTIONS = "predictions.parquet"
REFERENCE = "reference.parquet"
STATISTICS = "statistics.json"


def file_sha256(path: Path) -> str:
    """Return a file's SHA-256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def code_sha256() -> str:
    """Return one SHA-256 over the names and contents of all files of ml_jobs, byte code left out."""
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(f"{path.relative_to(root).as_posix()}\0{file_sha256(path)}\n".encode())
    return digest.hexdigest()


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write an object as JSON with sorted keys, so that equal contents give equal bytes; NaN is refused."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        JobError: the file is missing or holds no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise JobError(f"{path} is missing") from error
    except ValueError as error:
        raise JobError(f"{path} is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise JobError(f"{path} holds no JSON object")
    return content
