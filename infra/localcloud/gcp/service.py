"""How a service joins the local cloud: rows of generic resources, hooks on them, and handlers of single methods."""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from infra.localcloud.gcp.call import Handler
from infra.localcloud.gcp.resources import VERBS, Collection, Hooks, Identity, Row
from infra.localcloud.gcp.routes import Routes

TABLE = Path(__file__).with_name("collections.toml")


@dataclass(frozen=True)
class Registered:
    """What answers one method.

    Attributes:
        handler: takes the call and returns the answer's JSON, or a Response for anything else.
        raw: whether the body is not JSON of the schema and reaches the handler as it came.
    """

    handler: Handler
    raw: bool = False


@dataclass
class Service:
    """The behaviour of one API, or of a part of it.

    Attributes:
        api: such as `cloudkms.v1`.
        section: its section in the table of collections; None if it has no generic resources.
        table: the table.
        methods: what answers each method, by its id.
    """

    api: str
    section: str | None = None
    table: Path = TABLE
    methods: dict[str, Registered] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._hooks: dict[str, Hooks] = {}
        self._known: dict[str, Collection] = {}

    def method(self, *ids: str, raw: bool = False) -> Callable[[Handler], Handler]:
        """Let a function answer the methods of these ids; it goes before the generic behaviour."""

        def register(handler: Handler) -> Handler:
            for method_id in ids:
                self.methods[method_id] = Registered(handler, raw)
            return handler

        return register

    def hooks(self, kind: str) -> Hooks:
        """Return the hooks of a kind, named as its row in the table, to be set."""
        return self._hooks.setdefault(kind, Hooks())

    def join(self, routes: Routes) -> dict[tuple[str, str], Registered]:
        """Return what answers each method, by API and id.

        Raises:
            LookupError: the table or a handler names a method that the API does not have.
        """
        document = routes.documents[self.api]
        rows = _rows(self.table).get(self.section or "", {})
        if unknown := self._hooks.keys() - rows.keys():
            raise LookupError(f"{self.table} has no rows {sorted(unknown)} in [{self.section}]")
        names = {row.methods for row in rows.values()}
        found: dict[tuple[str, str], Registered] = {}
        for kind, row in rows.items():
            parent = row.methods.rpartition(".")[0]
            collection = Collection(document, row, parent if parent in names else None)
            collection.hooks = self._hooks.get(kind, collection.hooks)
            self._known[kind] = collection
            for verb in row.verbs:
                found[self.api, f"{row.methods}.{verb}"] = Registered(getattr(collection, verb))
        found |= {(self.api, method_id): registered for method_id, registered in self.methods.items()}
        for api, method_id in found:
            routes.method(method_id, api)
        return found

    def collection(self, kind: str) -> Collection:
        """Return the generic behaviour of a kind; the service must have joined."""
        return self._known[kind]


@cache
def _rows(table: Path) -> dict[str, dict[str, Row]]:
    sections = tomllib.loads(table.read_text())
    return {section: {kind: _row(facts) for kind, facts in rows.items()} for section, rows in sections.items()}


def _row(facts: dict[str, Any]) -> Row:
    given = dict(facts)
    for name in ("verbs", "unmaskable", "required"):
        if name in given:
            given[name] = tuple(given[name])
    if unknown := set(given.get("verbs", ())) - set(VERBS):
        raise ValueError(f"{given['methods']}: there is no generic {sorted(unknown)}")
    return Row(**{**given, "id": Identity(**given["id"])})
