"""What a service remembers: records by name, where of racing creators one wins."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, TypeVar

from infra.localcloud.aws.failures import Refusal


def now() -> datetime:
    """The time of a record's creation or change; wall time, in UTC."""
    return datetime.now(UTC)


@dataclass(kw_only=True)
class Record:
    """What every resource has: a name, an ARN, and the times of its creation and last change."""

    name: str
    arn: str
    created: datetime = field(default_factory=now)
    modified: datetime = field(default_factory=now)

    def touch(self) -> None:
        """Note a change."""
        self.modified = now()


Kept = TypeVar("Kept", bound=Record)


class Records(Generic[Kept]):
    """The resources of one kind in one region of one account.

    Args:
        missing: makes the error for a name or ARN that does not exist.
        taken: makes the error for a name that exists already.
    """

    def __init__(self, missing: Callable[[str], Refusal], taken: Callable[[str], Refusal]) -> None:
        self._missing = missing
        self._taken = taken
        self._records: dict[str, Kept] = {}
        self._lock = threading.RLock()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others out while several steps are taken as one."""
        with self._lock:
            yield

    def add(self, record: Kept) -> Kept:
        """Keep a new record; raises the error of a taken name if another was first."""
        with self._lock:
            if found := self._records.get(record.name):
                raise self._taken(found.arn)
            self._records[record.name] = record
            return record

    def find(self, name_or_arn: str) -> Kept | None:
        """Return the record of a name or ARN, None if there is none."""
        with self._lock:
            if found := self._records.get(name_or_arn):
                return found
            return next((record for record in self._records.values() if record.arn == name_or_arn), None)

    def get(self, name_or_arn: str, *, named: str | None = None) -> Kept:
        """Return the record of a name or ARN; raises the error of a missing one, which names `named` if given."""
        found = self.find(name_or_arn)
        if found is None:
            raise self._missing(named or name_or_arn)
        return found

    def remove(self, name_or_arn: str, *, named: str | None = None) -> Kept:
        """Forget a record and return it; raises the error of a missing one."""
        with self._lock:
            found = self.get(name_or_arn, named=named)
            del self._records[found.name]
            return found

    def all(self) -> list[Kept]:
        """Return all records, in the order of their creation."""
        with self._lock:
            return list(self._records.values())
