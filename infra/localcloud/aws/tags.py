"""Tags of resources, by ARN; a resource has a place for them from its creation to its deletion."""

import threading
from collections.abc import Iterable, Mapping

from infra.localcloud.aws.failures import limit_exceeded, validation

MAX_TAGS = 50
Pair = Mapping[str, str]


class Tags:
    """The tags of one service in one region of one account."""

    def __init__(self) -> None:
        self._tags: dict[str, dict[str, str]] = {}
        self._lock = threading.RLock()

    def begin(self, arn: str, pairs: Iterable[Pair] | None) -> None:
        """Give a new resource its place and its first tags."""
        with self._lock:
            self._tags[arn] = _merged({}, pairs or ())

    def check(self, pairs: Iterable[Pair] | None) -> None:
        """Raise the vendor's error if a new resource may not have these tags."""
        _merged({}, pairs or ())

    def end(self, arn: str) -> None:
        """Forget the tags of a deleted resource."""
        with self._lock:
            self._tags.pop(arn, None)

    def add(self, arn: str, pairs: Iterable[Pair]) -> list[Pair]:
        """Add or replace tags and return all; raises ValidationException where no such resource exists."""
        with self._lock:
            self._tags[arn] = _merged(self._of(arn), pairs)
            return self.list(arn)

    def remove(self, arn: str, keys: Iterable[str]) -> None:
        """Remove tags; keys that it does not have are no error."""
        with self._lock:
            gone = set(keys)
            self._tags[arn] = {key: value for key, value in self._of(arn).items() if key not in gone}

    def list(self, arn: str) -> "list[Pair]":
        """Return a resource's tags."""
        with self._lock:
            return [{"Key": key, "Value": value} for key, value in self._of(arn).items()]

    def _of(self, arn: str) -> dict[str, str]:
        if arn not in self._tags:
            raise validation(f"The resource {arn} does not exist.")
        return self._tags[arn]


def _merged(present: Mapping[str, str], pairs: Iterable[Pair]) -> dict[str, str]:
    new = {pair["Key"]: pair.get("Value", "") for pair in pairs}
    if reserved := [key for key in new if key.lower().startswith("aws:")]:
        raise validation(f"Tag keys starting with 'aws:' are reserved for system use: {reserved[0]}")
    merged = {**present, **new}
    if len(merged) > MAX_TAGS:
        raise limit_exceeded(f"The number of tags exceeds the limit of {MAX_TAGS} per resource.")
    return merged
