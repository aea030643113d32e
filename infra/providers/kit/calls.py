"""The calls that one resource needs, all from its type's table: arguments from properties, and waits."""

import time
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from threading import Event
from typing import Any

from infra.providers.kit.reading import Reader, fill
from infra.providers.kit.resource import Cancelled, PluginError
from infra.providers.kit.shapes import put, search
from infra.providers.kit.tables import Call, Type, Wait
from infra.providers.kit.values import Properties

_FIRST_POLL_SECONDS = 0.05
_LONGEST_POLL_SECONDS = 0.25  # of a cloud on this machine


class Calls(Reader):
    """The calls for one resource.

    Attributes:
        type: its table.
    """

    def __init__(self, table: Type, cancelled: Event) -> None:
        super().__init__(table)
        self._cancelled = cancelled

    @abstractmethod
    def shape(self, call: Call) -> Any:
        """Return the shape of what a call takes properties in."""

    @property
    def sent_otherwise(self) -> frozenset[str]:
        """The properties that the cloud takes in a way of its own."""
        return frozenset()

    def arguments(
        self,
        call: Call,
        values: Properties,
        names: Iterable[str],
        known: Mapping[str, Any],
        changed: Collection[str] = (),
    ) -> dict[str, Any]:
        """Return the arguments of a call: those of these properties that it has a place for, and its own.

        Args:
            call: which.
            values: the properties.
            names: those of them that may be sent.
            known: what the call's own arguments may speak of.
            changed: the properties that made the call necessary.
        """
        shape = self.shape(call)
        args: dict[str, Any] = {}
        for name in names:
            field = self.type.fields[name]
            if values.get(name) is not None and not field.local and name not in self.sent_otherwise:
                put(args, field, values[name], shape)
        return {**args, **fill(call.args, known)}

    # waits

    def wait(self, kind: str, known: Mapping[str, Any], timeout_seconds: float | None) -> None:
        """Wait until what a call started has ended. Raises PluginError when it ended badly, or not in time."""
        wait = self.type.waits.get(kind)
        if wait is None:
            return
        limit = timeout_seconds or wait.timeout_seconds
        self.poll(lambda: self._ended(wait, kind, known), f"the {kind} of {known['id']}", limit)

    def poll(self, ended: Callable[[], bool], what: str, limit_seconds: float) -> None:
        """Ask, with growing pauses, until something has ended. Raises PluginError when it did not in time."""
        deadline = time.monotonic() + limit_seconds
        pause = _FIRST_POLL_SECONDS
        while not ended():
            if time.monotonic() > deadline:
                raise PluginError(f"timeout while waiting for {what}")
            if self._cancelled.wait(pause):
                raise Cancelled(f"cancelled while waiting for {what}")
            pause = min(pause * 1.5, _LONGEST_POLL_SECONDS)

    def _ended(self, wait: Wait, kind: str, known: Mapping[str, Any]) -> bool:
        document = self.read(known, first_only=True)
        if document is None:
            if kind == "delete":
                return True
            raise PluginError(f"{known['id']} is gone while waiting for its {kind}")
        status = search(wait.path, document)
        if status in wait.target:
            return True
        if status in wait.pending:
            return False
        reason = search(wait.reason, document) or "no reason given"
        raise PluginError(f"waiting for the {kind} of {known['id']}: unexpected state '{status}': {reason}")


def put_at(members: dict[str, Any], path: str, value: Any) -> None:
    """Put a value at a dotted path of members."""
    *outer, last = path.split(".")
    for name in outer:
        members = members.setdefault(name, {})
    members[last] = value
