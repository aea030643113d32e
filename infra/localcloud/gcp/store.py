"""What the cloud remembers: resources by collection and name, changed one at a time, every change in the journal."""

import copy
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from infra.localcloud.gcp.errors import Json, already_exists, not_found
from infra.localcloud.gcp.journal import Journal

# The collections of the IAM policies of all services' resources, and of the accounts that they name.
POLICIES = "policies"
ACCOUNTS = "iam.projects.serviceAccounts"


@dataclass
class Record:
    """One resource.

    Attributes:
        name: its full name, such as `projects/p/locations/l/keyRings/r`.
        body: as the vendor shows it.
        hidden: what only the service itself sees, such as a secret's payload.
        number: counts the resources of the cloud in the order of their creation.
    """

    name: str
    body: Json
    hidden: Json = field(default_factory=dict)
    number: int = 0

    def copied(self) -> "Record":
        """Return a copy that may be changed; what is hidden may hold live objects and is shared."""
        return Record(self.name, copy.deepcopy(self.body), dict(self.hidden), self.number)


class Store:
    """All resources of all services. Safe for threads; what it gives out are copies."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = threading.RLock()
        self._collections: dict[str, dict[str, Record]] = {}
        self._spent: set[tuple[str, str]] = set()
        self._numbers = itertools.count(1)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others out while several steps are taken as one."""
        with self._lock:
            yield

    def add(self, collection: str, record: Record) -> Record:
        """Keep a new resource.

        Raises:
            Refusal: ALREADY_EXISTS, if the name is taken, or was once and may not be used again.
        """
        with self._lock:
            kept = self._collections.setdefault(collection, {})
            if record.name in kept or (collection, record.name) in self._spent:
                raise already_exists(record.name)
            record.number = next(self._numbers)
            kept[record.name] = record.copied()
            self._journal.note(collection, record.name, "created", copy.deepcopy(record.body))
            return record.copied()

    def find(self, collection: str, name: str) -> Record | None:
        """Return a resource, None if there is none."""
        with self._lock:
            found = self._collections.get(collection, {}).get(name)
            return found.copied() if found else None

    def get(self, collection: str, name: str) -> Record:
        """Return a resource.

        Raises:
            Refusal: NOT_FOUND.
        """
        found = self.find(collection, name)
        if found is None:
            raise not_found(name)
        return found

    def change(self, collection: str, name: str, work: Callable[[Record], None]) -> Record:
        """Let `work` change a copy of a resource, which then takes its place; nobody else changes it meanwhile.

        Raises:
            Refusal: NOT_FOUND, or whatever `work` raises, and then nothing has changed.
        """
        with self._lock:
            before = self.get(collection, name)
            after = before.copied()
            work(after)
            self._collections[collection][name] = after
            changed = {
                key: copy.deepcopy(after.body.get(key))
                for key in (*before.body, *(key for key in after.body if key not in before.body))
                if before.body.get(key) != after.body.get(key)
            }
            if changed:
                self._journal.note(collection, name, "changed", changed)
            return after.copied()

    def remove(self, collection: str, name: str, *, spent: bool = False) -> Record:
        """Forget a resource and return it.

        Args:
            collection: whose resource.
            name: its name.
            spent: whether the name may never be used again.

        Raises:
            Refusal: NOT_FOUND.
        """
        with self._lock:
            found = self.get(collection, name)
            del self._collections[collection][name]
            if spent:
                self._spent.add((collection, name))
            self._journal.note(collection, name, "deleted", {})
            return found

    def all(self, collection: str, below: str = "") -> list[Record]:
        """Return the resources whose names begin with `below`, in the order of their creation."""
        with self._lock:
            kept = self._collections.get(collection, {})
            return [record.copied() for name, record in kept.items() if name.startswith(below)]


def policy_key(collection: str, name: str) -> str:
    """Return the full resource name under which a resource's IAM policy is kept.

    Such as `//cloudkms.googleapis.com/projects/p/locations/l/keyRings/r`.
    """
    return f"//{collection.partition('.')[0]}.googleapis.com/{name}"
