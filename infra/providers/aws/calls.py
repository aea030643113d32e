"""The calls that one resource needs, all from its type's table: arguments from properties, tags and waits."""

import time
from collections.abc import Iterable, Mapping
from threading import Event
from typing import Any

from infra.providers.aws.cloud import CallFailed, Cloud
from infra.providers.aws.reading import Reader, fill
from infra.providers.aws.shapes import put, search
from infra.providers.aws.tables import Call, Tags, Type, Wait
from infra.providers.kit.resource import Cancelled, PluginError
from infra.providers.kit.values import Properties

_FIRST_POLL_SECONDS = 0.05
_LONGEST_POLL_SECONDS = 0.25  # of a cloud on this machine


class Calls(Reader):
    """The calls for one resource.

    Attributes:
        type: its table.
        region: where it is.
    """

    def __init__(self, table: Type, cloud: Cloud, region: str, cancelled: Event) -> None:
        super().__init__(table)
        self.cloud = cloud
        self.region = region
        self._cancelled = cancelled

    def __call__(self, operation: str, service: str | None = None, **args: Any) -> Any:
        """Call an operation of the type's service. Raises PluginError."""
        return self.cloud.call(service or self.type.service, operation, args, self.region)

    def shape(self, operation: str) -> Any:
        """Return the input shape of an operation."""
        model = self.cloud.client(self.type.service, self.region).meta.service_model
        return model.operation_model(operation).input_shape

    def arguments(
        self, call: Call, values: Properties, names: Iterable[str], known: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the arguments of a call: those of these properties that it has a place for, and its own."""
        shape = self.shape(call.operation)
        args: dict[str, Any] = {}
        for name in names:
            field = self.type.fields[name]
            if values.get(name) is not None and not field.local and name != "tags":
                put(args, field, values[name], shape)
        return {**args, **fill(call.args, known)}

    # tags

    def tags(self, known: Mapping[str, Any]) -> dict[str, str]:
        """Return the live tags."""
        table = self._tag_table()
        try:
            answer = self(table.read.operation, **fill(table.read.args, known))
        except CallFailed as error:
            if error.code == "NoSuchTagSet":
                return {}
            raise
        rows = search(table.path, answer) or {}
        return dict(rows) if isinstance(rows, dict) else {row[table.key]: row[table.value] for row in rows}

    def tag_members(self, tags: Mapping[str, str]) -> Any:
        """Return tags as the service takes them."""
        table = self._tag_table()
        return dict(tags) if not table.key else [{table.key: key, table.value: value} for key, value in tags.items()]

    def set_tags(self, old: Mapping[str, str], new: Mapping[str, str], known: Mapping[str, Any]) -> None:
        """Bring the tags from old to new."""
        table = self._tag_table()
        gone = sorted(old.keys() - new.keys())
        if table.remove is None:
            members = {**fill(table.add.args, known)}
            put_at(members, table.add_member, self.tag_members(new))
            self(table.add.operation, **members)
            return
        if gone:
            members = {**fill(table.remove.args, known), table.remove_member: gone}
            self(table.remove.operation, **members)
        changed = {key: value for key, value in new.items() if old.get(key) != value}
        if changed:
            members = {**fill(table.add.args, known), table.add_member: self.tag_members(changed)}
            self(table.add.operation, **members)

    def _tag_table(self) -> Tags:
        if self.type.tags is None:
            raise AssertionError(f"{self.type.token} has no tags")
        return self.type.tags

    # waits

    def wait(self, kind: str, known: Mapping[str, Any], timeout_seconds: float | None) -> None:
        """Wait until what a call started has ended. Raises PluginError when it ended badly, or not in time."""
        wait = self.type.waits.get(kind)
        if wait is None:
            return
        deadline = time.monotonic() + (timeout_seconds or wait.timeout_seconds)
        pause = _FIRST_POLL_SECONDS
        while not self._ended(wait, kind, known):
            if time.monotonic() > deadline:
                raise PluginError(f"timeout while waiting for the {kind} of {known['id']}")
            if self._cancelled.wait(pause):
                raise Cancelled(f"cancelled while waiting for the {kind} of {known['id']}")
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
