"""Every change of every resource, in order: what a test asks that must hold at all times, not only at the end."""

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class Transition:
    """One change of one resource.

    Attributes:
        number: counts from 0.
        time: when, RFC 3339, UTC.
        collection: whose resource, such as `aiplatform.projects.locations.endpoints`.
        name: the resource's name.
        what: `created`, `changed` or `deleted`.
        changed: the top-level fields that changed and their new values; None for a field that went.
    """

    number: int
    time: str
    collection: str
    name: str
    what: str
    changed: Mapping[str, Any]

    def described(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


class Journal:
    """An append-only list of transitions."""

    def __init__(self) -> None:
        self._entries: list[Transition] = []
        self._lock = threading.Lock()

    def note(self, collection: str, name: str, what: str, changed: Mapping[str, Any]) -> None:
        """Append a transition."""
        with self._lock:
            time = datetime.now(UTC).isoformat()
            self._entries.append(Transition(len(self._entries), time, collection, name, what, changed))

    def entries(self, *, since: int = 0, name: str | None = None) -> list[Transition]:
        """Return the transitions from a number on, of one resource if it is named."""
        with self._lock:
            found = self._entries[since:]
        return [entry for entry in found if name in (None, entry.name)]
