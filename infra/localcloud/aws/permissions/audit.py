"""The gate's record: each decision as a line of JSON in the local cloud's home."""

import json
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.localcloud.aws.permissions.policies import Demand, Verdict
from infra.localcloud.aws.permissions.roles import Actor

FILE = "permissions.jsonl"
_LOCK = threading.Lock()


def path() -> Path:
    """Return where the record is. Raises KeyError where lifecycle.start did not start LocalStack."""
    return Path(os.environ["STILE_LOCAL_HOME"]) / FILE


def note(actor: Actor, demand: Demand, verdict: Verdict, request: Mapping[str, Any]) -> None:
    """Add a decision; `request` names the operation and holds what of it the demand was made from."""
    line = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "role": actor.role,
        "session": actor.session,
        "action": demand.action,
        "resource": demand.resource,
        "allowed": verdict is Verdict.ALLOWED,
        **request,
    }
    with _LOCK, path().open("a") as file:
        file.write(json.dumps(line) + "\n")
