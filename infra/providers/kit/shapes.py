"""Property names and values to API names and values, and back: mechanical, from shapes that the vendor describes."""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from infra.providers.kit.tables import Field
from infra.providers.kit.values import Properties, Value


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


@lru_cache(maxsize=4096)
def member(name: str, members: tuple[str, ...]) -> str | None:
    """Return the member that a property's name means: the same letters, or singular or plural; None if none does."""
    known = {_plain(each): each for each in members}
    wanted = _plain(name)
    spellings = [wanted, wanted + "s", wanted + "es"]
    if wanted.endswith("s"):
        spellings.append(wanted[:-1])
    if wanted.endswith("es"):
        spellings.append(wanted[:-2])
    if wanted.endswith("ies"):
        spellings.append(wanted[:-3] + "y")
    return next((known[spelling] for spelling in spellings if spelling in known), None)


def api_name(field: Field, members: Iterable[str]) -> str | None:
    """Return the member that a field maps to: its exception, or mechanically."""
    names = tuple(members)
    if field.api is not None:
        return field.api if field.api in names else None
    return member(field.name, names)


def to_api(field: Field, value: Value, shape: Any) -> Any:
    """Return a property's value as the API's shape wants it.

    An object may be a list of one there and the other way round; a map may be a list of names and values.
    """
    kind = shape.type_name
    if kind == "list" and isinstance(value, dict):
        return _pairs(value, shape.member) if field.kind == "map" else [to_api(field, value, shape.member)]
    if kind == "structure" and isinstance(value, list):
        return to_api(field, value[0], shape) if value else {}
    if kind == "structure" and isinstance(value, dict):
        return structure(field.children, value, shape)
    if kind == "list" and isinstance(value, list):
        return [to_api(field, item, shape.member) for item in value]
    if kind == "map" and isinstance(value, dict):
        return {key: to_api(field, item, shape.value) for key, item in value.items()}
    return _scalar_to_api(value, kind)


def _pairs(value: Mapping[str, Value], shape: Any) -> list[dict[str, Any]]:
    key, content = _pair_members(shape.members)
    return [{key: name, content: _scalar_to_api(item, "string")} for name, item in value.items()]


def _pair_members(members: Iterable[str]) -> tuple[str, str]:
    names = {name.lower(): name for name in members}
    return names.get("name") or names["key"], names["value"]


def structure(fields: Mapping[str, Field], values: Properties, shape: Any) -> dict[str, Any]:
    """Return an object as a structure of the API. Raises KeyError for a field that the structure has no member for."""
    sent: dict[str, Any] = {}
    for name, value in values.items():
        field = fields[name]
        if value is None or field.local:
            continue
        put(sent, field, value, shape)
    return sent


def put(sent: dict[str, Any], field: Field, value: Value, shape: Any) -> bool:
    """Put a value at its place in a structure, which may lie deeper (`api` with dots); say whether there is one."""
    *outer, last = (field.api or field.name).split(".")
    for name in outer:
        if name not in shape.members:
            return False
        shape = shape.members[name]
        sent = sent.setdefault(name, {})
    if shape.type_name == "map":
        sent[last] = to_api(field, value, shape.value)
        return True
    target = last if last in shape.members else (member(last, tuple(shape.members)) if field.api is None else None)
    if target is None:
        return False
    sent[target] = to_api(field, value, shape.members[target])
    return True


def place(field: Field, shape: Any) -> bool:
    """Say whether a structure has a place for a field."""
    *outer, last = (field.api or field.name).split(".")
    for name in outer:
        if name not in shape.members:
            return False
        shape = shape.members[name]
    if shape.type_name == "map" or last in shape.members:
        return True
    return field.api is None and member(last, tuple(shape.members)) is not None


def _scalar_to_api(value: Value, type_name: str) -> Any:
    if value is not None and type_name == "string" and not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if type_name in ("double", "float") and isinstance(value, int):
        return float(value)
    return value


def from_api(field: Field, value: Any) -> Value:
    """Return an API's value as the property's; None where it says nothing."""
    if value is None:
        return None
    if isinstance(value, list):
        return _list_from_api(field, value)
    if isinstance(value, dict) and field.children:
        found = read_object(field.children, value)
        return [found] if field.kind == "list" else found
    return _scalar_from_api(field.kind, value)


def _list_from_api(field: Field, rows: list[Any]) -> Value:
    if field.kind == "map":
        members = _pair_members(rows[0]) if rows else ("", "")
        return {row[members[0]]: row[members[1]] for row in rows}
    if field.kind == "object":
        return from_api(field, rows[0]) if rows else None
    return [read_object(field.children, row) if field.children else _scalar_from_api("", row) for row in rows]


def read_object(fields: Mapping[str, Field], document: Mapping[str, Any]) -> Properties:
    """Return the properties that a document of the API holds."""
    found = {}
    for name, field in fields.items():
        value = from_api(field, look_up(field, document)) if not field.unread else None
        if value is not None and not (value == {} and field.children and not field.presence):
            found[name] = value
    return found


def search(expression: str, document: Any) -> Any:
    """Return what a JMESPath expression finds in a document; times as text, as the AWS plugin writes them."""
    import jmespath  # type: ignore[import-untyped]

    found = jmespath.search(expression, document)
    return _time(found) if hasattr(found, "isoformat") else found


def _time(moment: Any) -> str:
    return str(moment.strftime("%Y-%m-%dT%H:%M:%SZ"))


def look_up(field: Field, document: Mapping[str, Any]) -> Any:
    """Return what a document says about a field: by its own expression, its API name, or mechanically."""
    if field.read is not None:
        return search(field.read, document)
    value: Any = document
    *outer, last = (field.api or field.name).split(".")
    for name in outer:
        value = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping):
        return None
    if last in value:
        return value[last]
    found = member(last, tuple(value)) if field.api is None else None
    return None if found is None else value[found]


def _scalar_from_api(kind: str, value: Any) -> Value:
    if kind in ("json", "policy") and not isinstance(value, str):
        return json.dumps(value, separators=(",", ":"))
    if hasattr(value, "isoformat"):
        return _time(value)
    if kind == "boolean" and isinstance(value, str):
        return value.lower() == "true"
    if kind == "integer" and isinstance(value, str):
        return int(value) if value.lstrip("-").isdigit() else None
    if kind == "string" and isinstance(value, bytes):
        return value.decode()
    return value
