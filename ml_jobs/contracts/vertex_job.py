"""What any job under Vertex AI's container contract can learn of itself, and how the reason of a failure is told.

Source: https://cloud.google.com/vertex-ai/docs/training/code-requirements#environment-variables
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

INPUT_URIS = "STILE_INPUT_URIS"
"""Where the adapter notes which folder was fetched from where, as a JSON object."""


def is_here(environ: Mapping[str, str] | None = None) -> bool:
    """Whether this process is a job or a model server on Vertex AI."""
    env = os.environ if environ is None else environ
    return bool(env.get("CLOUD_ML_JOB_ID") or env.get("AIP_HTTP_PORT"))


def input_uris() -> dict[Path, str]:
    """Return where each input of a job came from: local path -> gs:// URI; empty outside such a job."""
    noted: dict[str, str] = json.loads(os.environ.get(INPUT_URIS) or "{}")
    return {Path(path): uri for path, uri in noted.items()}


def note_input_uris(uris: Mapping[Path, str]) -> None:
    """Note where the inputs came from, for the job's core and for programs that it starts."""
    os.environ[INPUT_URIS] = json.dumps({str(path): uri for path, uri in uris.items()})
