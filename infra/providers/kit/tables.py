"""Reads tables of types (`<service>.toml`), whose keys each cloud's `tables/README.md` explains, into plain records."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from infra.providers.kit.naming import NameRule
from infra.providers.kit.resource import PluginError
from infra.providers.kit.schema import Property


@dataclass(frozen=True)
class Field(Property):
    """A property, and where the API holds it.

    Attributes:
        api: the member's name, or a dotted path of members, where it is not the mechanical one.
        read: a JMESPath expression over what was read, where that is another place.
        presence: that an object is there says something, even if it is empty.
        children: the fields inside it.
    """

    api: str | None = None
    read: str | None = None
    presence: bool = False
    children: Mapping[str, "Field"] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """One operation of the API.

    Attributes:
        operation: the vendor's name.
        args: members given as text with `{property}` in it.
        body: the member that holds the properties, if they do not lie at the top.
        result: JMESPath expression of the part of the answer that counts.
        under: the key under which that part is kept, where a read has several.
        absent: errors that mean that there is nothing to this part.
        when: the properties whose change asks for this call, for updates; `*` for all that are sent.
        send: which properties go along: `when`, `changed`, `all` or `none`; `each` makes one call per changed property.
        mask: the member that takes the names of what changed.
        nulls: whether what the program no longer gives is sent as null.
        on: `change`, `set` (only if one of these properties has a value) or `unset` (only if none has).
    """

    operation: str
    args: Mapping[str, Any] = field(default_factory=dict)
    result: str | None = None
    under: str | None = None
    absent: tuple[str, ...] = ()
    when: tuple[str, ...] = ()
    send: str = "when"
    on: str = "change"
    body: str = ""
    mask: str = ""
    nulls: bool = False


@dataclass(frozen=True)
class Wait:
    """A state machine that a call starts.

    Attributes:
        path: JMESPath expression of the status in what is read.
        reason: JMESPath expression of the failure's reason.
        pending: statuses that keep waiting; others than these and the target are failures.
        target: statuses that end the wait; for a deletion, being gone ends it.
        timeout_seconds: how long at most.
        recorded: whether a failed wait leaves the resource in the state.
    """

    path: str
    reason: str
    pending: tuple[str, ...]
    target: tuple[str, ...]
    timeout_seconds: float
    recorded: bool


@dataclass(frozen=True)
class Choice:
    """Inputs of which only so many may be given.

    Attributes:
        of: their names.
        inside: the object that holds them, by its path; empty for the type itself.
        least, most: how many.
    """

    of: tuple[str, ...]
    inside: str = ""
    least: int = 0
    most: int = 1


@dataclass(frozen=True)
class Type:
    """One resource type, as its table says.

    Attributes:
        token: such as `aws:iam/role:Role`.
        service: the vendor's name of the service.
        source: where the facts come from.
        id: text with `{property}`.
        fields: its inputs.
        choices: groups of inputs of which only so many may be given.
        outputs: JMESPath expressions over what was read.
        texts: outputs that are text with `{property}`.
        missing: errors that mean that it is not there.
        gone_when: JMESPath expression over what was read that says the same.
        keep_when: an input that, when true, makes the deletion leave everything in place.
        named_replaces_first: a replacement deletes first if the program names the resource itself.
        whole_blocks: the type is of Terraform's newer framework.
    """

    token: str
    service: str
    source: str
    id: str
    fields: Mapping[str, Field]
    choices: tuple[Choice, ...]
    outputs: Mapping[str, str]
    texts: Mapping[str, str]
    create: Call
    reads: tuple[Call, ...]
    updates: tuple[Call, ...]
    delete: Call | None
    missing: tuple[str, ...]
    gone_when: str | None
    keep_when: str | None
    name: NameRule | None
    named_replaces_first: bool
    delete_before_replace: bool
    whole_blocks: bool
    waits: Mapping[str, Wait]
    hook: str | None


T = TypeVar("T", bound=Type)
Row = Mapping[str, Any]


class Tables(Generic[T]):
    """The tables of one cloud, in a folder."""

    def __init__(self, folder: Path, make: Callable[[str, Row, Row], T]) -> None:
        """Take the folder, and what makes a type of its token, its row and its whole table."""
        self._folder = folder
        self._make = make
        self.types_of = cache(self._types_of)

    def find(self, token: str) -> T:
        """Return the type behind a token. Raises PluginError if no table has it."""
        parts = token.split(":")
        module = parts[1].split("/")[0] if len(parts) == 3 else ""
        path = self._folder / f"{module}.toml"
        if not module.isalnum() or not path.is_file() or token not in self.types_of(module):
            raise PluginError(f"the local stand-in does not know the resource type {token}")
        return self.types_of(module)[token]

    def modules(self) -> tuple[str, ...]:
        """Return the names of the tables."""
        return tuple(sorted(path.stem for path in self._folder.glob("*.toml")))

    def _types_of(self, module: str) -> Mapping[str, T]:
        """Return every type of a table, by token; aliases too."""
        with (self._folder / f"{module}.toml").open("rb") as file:
            table = tomllib.load(file)
        found: dict[str, T] = {}
        for token, row in table["types"].items():
            made = self._make(token, row, table)
            found[token] = made
            found.update(dict.fromkeys(row.get("aliases", ()), made))
        return found


def common(token: str, row: Row, table: Row) -> dict[str, Any]:
    """Return what every cloud's types have: the attributes of Type."""
    outputs = row.get("outputs", {})
    waits = row.get("wait", {})
    reads = row["read"] if isinstance(row["read"], list) else [row["read"]]
    return {
        "token": token,
        "service": row.get("service") or table["service"],
        "source": row["source"],
        "id": row["id"],
        "fields": _fields(row["properties"]),
        "choices": tuple(Choice(**{**choice, "of": tuple(choice["of"])}) for choice in row.get("choices", ())),
        "outputs": {name: value for name, value in outputs.items() if isinstance(value, str)},
        "texts": {name: value["text"] for name, value in outputs.items() if isinstance(value, dict)},
        "create": call_of(row["create"]),
        "reads": tuple(call_of(read) for read in reads),
        "updates": tuple(call_of(update) for update in row.get("updates", ())),
        "delete": call_of(row["delete"]) if "delete" in row else None,
        "missing": tuple(row.get("missing", table.get("missing", ()))),
        "gone_when": row.get("gone_when"),
        "keep_when": row.get("keep_when"),
        "name": NameRule(**row["name"]) if "name" in row else None,
        "named_replaces_first": row.get("kind", "sdkv2") == "sdkv2" and "name" in row and row.get("key_is_name", True),
        "delete_before_replace": row.get("delete_before_replace", False),
        "whole_blocks": row.get("kind") == "framework",
        "waits": {name: _wait(wait, waits) for name, wait in waits.items() if isinstance(wait, dict)},
        "hook": row.get("hook"),
    }


def _fields(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Field]:
    """Build the tree of fields from rows whose keys are dotted paths."""
    fields = {}
    for path, row in rows.items():
        if "." not in path:
            inner = {**_below(rows, row.get("like", path)), **_below(rows, path)}
            fields[path] = _field(path, row, _fields(inner))
    return fields


def _below(rows: Mapping[str, Mapping[str, Any]], path: str) -> dict[str, Mapping[str, Any]]:
    return {key.removeprefix(f"{path}."): row for key, row in rows.items() if key.startswith(f"{path}.")}


def _field(name: str, row: Mapping[str, Any], children: dict[str, Field]) -> Field:
    options = {key: value for key, value in row.items() if key not in ("type", "like")}
    return Field(name, kind=row.get("type", "string"), children=children, **options)


def call_of(row: str | Mapping[str, Any]) -> Call:
    """Return a call as a row writes it: its operation alone, or all of it."""
    if isinstance(row, str):
        return Call(row)
    listed: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Call(**listed)


def _wait(row: Mapping[str, Any], shared: Mapping[str, Any]) -> Wait:
    return Wait(
        path=shared["path"],
        reason=shared.get("reason", "FailureReason"),
        pending=tuple(row["pending"]),
        target=tuple(row.get("target", ())),
        timeout_seconds=row["minutes"] * 60,
        recorded=row.get("recorded", True),
    )
