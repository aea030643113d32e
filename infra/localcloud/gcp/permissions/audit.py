"""The gate's record: each decision as a line of JSON in the local cloud's home."""

import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILE = "permissions.jsonl"
_LOCK = threading.Lock()


def begin(home: Path) -> None:
    """Begin the record: there is one, be it empty, as long as there is a gate."""
    home.mkdir(parents=True, exist_ok=True)
    (home / FILE).touch()


def note(home: Path, account: str, permission: str, resource: str, *, allowed: bool, more: Mapping[str, Any]) -> None:
    """Add a decision; `more` is what else is known of the request."""
    line = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "role": account,
        "action": permission,
        "resource": resource,
        "allowed": allowed,
        **more,
    }
    with _LOCK, (home / FILE).open("a") as file:
        file.write(json.dumps(line) + "\n")
