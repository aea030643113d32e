"""Long-running operations of all services in one space of ids: done at once, or run in a thread and finished later."""

import copy
import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from infra.localcloud.gcp import moments
from infra.localcloud.gcp.errors import Json, Refusal, not_found
from infra.localcloud.gcp.messages import metadata_schema, packed
from infra.localcloud.gcp.routes import Method
from infra.localcloud.gcp.states import FaultError, Transition

LOG = logging.getLogger(__name__)


@dataclass
class Operation:
    """One operation.

    Attributes:
        name: such as `projects/p/locations/l/operations/123`.
        about: the resource, or the parent, that the request named which began it.
        cancelled: set when somebody asked to cancel it; work that can end early looks at it.
        ended: set when it is done.
    """

    name: str
    metadata: Json
    about: str = ""
    cancelled: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    result: Json = field(default_factory=dict)

    def shown(self) -> Json:
        """Return it as the vendor shows it."""
        return copy.deepcopy({"name": self.name, "metadata": self.metadata, "done": self.ended.is_set(), **self.result})


@dataclass(frozen=True)
class Outcome:
    """What an operation is to answer.

    Attributes:
        schema: the schema of its `response`; None for an empty message.
        kind: the schema of the resource that it is about, which its metadata is named after.
        metadata: more fields of its metadata.
    """

    schema: str | None
    kind: str | None = None
    metadata: Json = field(default_factory=dict)


class Operations:
    """All operations. Safe for threads."""

    def __init__(self) -> None:
        self._known: dict[str, Operation] = {}
        self._lock = threading.Lock()

    def run(
        self,
        method: Method,
        parent: str,
        outcome: Outcome,
        work: Callable[[Operation], Json],
        transition: Transition | None = None,
        *,
        later: bool = False,
    ) -> Json:
        """Do the work and return the operation as the vendor shows it.

        Work that nothing delays is done before this returns; its refusal is then the answer to the request itself.

        Args:
            method: what began it.
            parent: the resource or parent that the request names; its project and location are the operation's.
            outcome: what it answers.
            work: returns the response; what it raises becomes the operation's error.
            transition: the delay and the fault that a test asked for.
            later: whether the work takes long and goes on in a thread.

        Raises:
            Refusal: from work that was done at once.
        """
        operation = self._new(method, parent, outcome)
        if later or (transition and not transition.is_instant) or (transition and transition.fault):
            name = f"operation-{operation.name.rpartition('/')[2]}"
            arguments = (operation, method, outcome, work, transition)
            self._keep(operation)
            threading.Thread(target=self._go, args=arguments, name=name, daemon=True).start()
        else:
            self._finish(operation, method, outcome, work(operation))
            self._keep(operation)
        return operation.shown()

    def get(self, name: str) -> Operation:
        """Return an operation by its name; raises NOT_FOUND."""
        with self._lock:
            found = self._known.get(name)
        if found is None:
            raise not_found(name)
        return found

    def below(self, parent: str) -> list[Operation]:
        """Return the operations of a project and location, or on one resource, in the order of their beginning."""
        with self._lock:
            return [
                one
                for name, one in self._known.items()
                if name.startswith(f"{parent}/operations/") or one.about == parent
            ]

    def forget(self, name: str) -> None:
        """Delete an operation, which does not end it; raises NOT_FOUND."""
        self.get(name)
        with self._lock:
            self._known.pop(name, None)

    def _new(self, method: Method, parent: str, outcome: Outcome) -> Operation:
        schema = metadata_schema(method, outcome.kind)
        metadata = {}
        if schema is not None:
            now = moments.now()
            fields = method.document.schemas[schema]["properties"]
            value = {"genericMetadata": {"createTime": now, "updateTime": now}} if "genericMetadata" in fields else {}
            metadata = packed(method.document, schema, {**value, **outcome.metadata})
        number = str(secrets.randbelow(9 * 10**17) + 10**17)
        return Operation(_name(parent, number), metadata, parent)

    def _keep(self, operation: Operation) -> None:
        with self._lock:
            self._known[operation.name] = operation

    def _go(
        self,
        operation: Operation,
        method: Method,
        outcome: Outcome,
        work: Callable[[Operation], Json],
        transition: Transition | None,
    ) -> None:
        try:
            if transition:
                transition.begin()
            self._finish(operation, method, outcome, work(operation))
        except Refusal as refusal:
            self._fail(operation, refusal)
        except FaultError as fault:
            self._fail(operation, Refusal("INTERNAL", str(fault)))
        except Exception as error:
            LOG.exception("%s failed", operation.name)
            self._fail(operation, Refusal("INTERNAL", f"{type(error).__name__}: {error}"))

    def _finish(self, operation: Operation, method: Method, outcome: Outcome, response: Json) -> None:
        self._touch(operation)
        operation.result = {"response": packed(method.document, outcome.schema, response)}
        operation.ended.set()

    def _fail(self, operation: Operation, refusal: Refusal) -> None:
        self._touch(operation)
        operation.result = {"error": refusal.in_operation()}
        operation.ended.set()

    @staticmethod
    def _touch(operation: Operation) -> None:
        if "genericMetadata" in operation.metadata:
            now = moments.now()
            operation.metadata["genericMetadata"]["updateTime"] = now


def _name(parent: str, number: str) -> str:
    words = parent.split("/")
    if words[0] == "projects" and words[2:3] == ["locations"]:
        return "/".join([*words[:4], "operations", number])
    return f"operations/{number}"
