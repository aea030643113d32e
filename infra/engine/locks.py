"""Who works on a local environment's stack just now, as the CLI's file backend notes it."""

import json
from dataclasses import dataclass

from infra.engine.recovery import is_pulumi
from infra.environments import Environment


@dataclass(frozen=True)
class Holder:
    """The process that holds a stack's lock; `since` as the CLI wrote it, in RFC 3339."""

    pid: int
    user: str
    host: str
    since: str
    is_alive: bool


def holder(environment: Environment) -> Holder | None:
    """Return who holds the lock of a local environment's stack; None if nobody does, or if it is a real one's."""
    if not environment.is_local:
        return None
    for path in sorted((environment.backend_dir / ".pulumi" / "locks").glob(f"**/{environment.name}/*.json")):
        try:
            lock = json.loads(path.read_text())
        except FileNotFoundError:
            continue  # it was given back while we looked
        return Holder(lock["pid"], lock["username"], lock["hostname"], lock["timestamp"], is_pulumi(lock["pid"]))
    return None
