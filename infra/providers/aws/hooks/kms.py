"""KMS: the deletion window of keys, the prefix and the target of aliases."""

from collections.abc import Iterator
from typing import Any

from infra.providers.aws.calls import Calls
from infra.providers.aws.hooks import Hook
from infra.providers.kit.resource import Failure
from infra.providers.kit.values import UNKNOWN, Properties

_LONGEST_WINDOW_DAYS = 30  # the service's own default
_PREFIX = "alias/"


class KeyHook(Hook):
    """A key is never deleted at once, only scheduled for it."""

    def delete(self, calls: Calls, outputs: Properties, known: dict[str, Any]) -> bool:
        """Schedule the deletion."""
        days = outputs.get("deletionWindowInDays") or _LONGEST_WINDOW_DAYS
        calls("ScheduleKeyDeletion", KeyId=known["id"], PendingWindowInDays=days)
        return True


class AliasHook(Hook):
    """An alias, whose name starts with a prefix."""

    def check(self, inputs: Properties) -> Iterator[Failure]:
        """Refuse a name without the prefix."""
        name = inputs.get("name", UNKNOWN)
        if name is not UNKNOWN and not name.startswith(_PREFIX):
            yield Failure("name", f"`name` must begin with {_PREFIX}")

    def name(self, name: str, inputs: Properties) -> str:
        """Put the prefix in front."""
        return name if name.startswith(_PREFIX) else _PREFIX + name

    def document(self, calls: Calls, document: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        """Add the key's ARN, which the answer does not hold."""
        stem = document["AliasArn"].rsplit(":", 1)[0]
        return {**document, "TargetKeyArn": f"{stem}:key/{document.get('TargetKeyId')}"}
