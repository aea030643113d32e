"""One request on its way to a handler, and the cloud that it is made to."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from starlette.responses import Response

from infra.localcloud.gcp.errors import Json
from infra.localcloud.gcp.journal import Journal
from infra.localcloud.gcp.operations import Operations
from infra.localcloud.gcp.routes import Method, Routes
from infra.localcloud.gcp.store import POLICIES, Store
from infra.localcloud.gcp.tokens import Tokens
from infra.localcloud.jobs.clock import AdvancedClock

Part = TypeVar("Part")
PROJECT = "stile-local"
PROJECT_NUMBER = "100000000000"
REGION = "us-central1"


@dataclass
class Cloud:
    """The state of the local Google Cloud.

    Attributes:
        endpoint_url: where it answers, such as `http://127.0.0.1:4567`.
        home: the folder in which it keeps all that it writes.
        registry_url: where the container registry answers; empty without one.
        routes: the methods that it knows.
        journal: every change of every resource.
        store: the resources.
        operations: the long-running operations.
        tokens: which access token is whose.
        clock: the time that schedules go by.
        policy_sources: services that keep IAM policies by themselves: each returns that of a full resource name.
    """

    endpoint_url: str
    home: Path
    registry_url: str = ""
    routes: Routes = field(default_factory=Routes)
    journal: Journal = field(default_factory=Journal)
    tokens: Tokens = field(default_factory=Tokens)
    clock: AdvancedClock = field(default_factory=AdvancedClock)
    policy_sources: list[Callable[[str], Json | None]] = field(default_factory=list)
    store: Store = field(init=False)
    operations: Operations = field(init=False)

    def __post_init__(self) -> None:
        self.store = Store(self.journal)
        self.operations = Operations()
        self._parts: dict[type, Any] = {}
        self._lock = threading.Lock()

    def kept_policy(self, name: str) -> Json | None:
        """Return the IAM policy that the store keeps of a full resource name, None if there is none."""
        found = self.store.find(POLICIES, name)
        return found.body if found else None

    def part(self, kind: type[Part]) -> Part:
        """Return this cloud's one instance of what a service keeps beside its resources, such as log entries."""
        with self._lock:
            if kind not in self._parts:
                self._parts[kind] = kind()
            found: Part = self._parts[kind]
            return found


@dataclass(frozen=True)
class Call:
    """One checked request.

    Attributes:
        cloud: to which it is made.
        method: the API's method.
        path: the values of the path's parameters, by the names of the discovery document.
        query: the query's values, of their types, without the system's parameters.
        body: the JSON body in one form (see `validate`); empty where the method takes none.
        raw: the body as it came.
        headers: the request's headers, names in small letters.
        principal: the service account that acts, None for a person.
    """

    cloud: Cloud
    method: Method
    path: dict[str, str]
    query: Json
    body: Json
    raw: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    principal: str | None = None

    @property
    def name(self) -> str:
        """The resource or parent that the path names (its last parameter)."""
        return list(self.path.values())[-1]

    @property
    def project(self) -> str:
        """The project that the path names."""
        words = self.name.split("/")
        return words[1] if words[0] == "projects" and len(words) > 1 else PROJECT


Handler = Callable[[Call], Json | Response]
