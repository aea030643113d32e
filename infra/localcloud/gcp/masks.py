"""Field masks: what an update changes. Source: https://google.aip.dev/134 and protobuf's FieldMask in JSON."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.localcloud.gcp.errors import Json, invalid
from infra.localcloud.gcp.routes import Document
from infra.localcloud.gcp.validate import camel

Path = tuple[str, ...]


def paths(document: Document, schema: str, mask: str) -> list[Path]:
    """Return the paths of a mask, their fields in camelCase; keys of maps stay as they are.

    Raises:
        Refusal: a path names no field of the schema.
    """
    return [_resolved(document, {"$ref": schema}, one.strip()) for one in mask.split(",") if one.strip()]


def updated(current: Json, change: Mapping[str, Any], masked: Sequence[Path]) -> Json:
    """Return the resource with the masked fields taken from the change; those that it lacks are cleared."""
    found = copy.deepcopy(current)
    for path in masked:
        _put(found, path, _at(change, path))
    return found


def _resolved(document: Document, facts: Mapping[str, Any], mask: str) -> Path:
    done: list[str] = []
    for word in _words(mask):
        while "$ref" in facts:
            facts = document.schemas[facts["$ref"]]
        fields = facts.get("properties", {})
        name = word if word in fields else camel(word)
        if name in fields:
            facts = fields[name]
            done.append(name)
        elif "additionalProperties" in facts or facts.get("type") == "any":
            facts = facts.get("additionalProperties", {"type": "any"})
            done.append(word)
        else:
            raise invalid(f"Invalid field mask: there is no field '{mask}'.", field="updateMask")
    return tuple(done)


def _words(mask: str) -> Iterator[str]:
    """Split a path at its dots, but not within the backquotes that keys of maps may stand in."""
    for position, part in enumerate(mask.split("`")):
        if position % 2:
            yield part
        else:
            yield from (word for word in part.split(".") if word)


def _at(change: Mapping[str, Any], path: Path) -> Any:
    value: Any = change
    for word in path:
        value = value.get(word) if isinstance(value, Mapping) else None
    return value


def _put(resource: Json, path: Path, value: Any) -> None:
    for word in path[:-1]:
        inner = resource.get(word)
        if not isinstance(inner, dict):
            if value is None:
                return
            inner = resource[word] = {}
        resource = inner
    if value is None:
        resource.pop(path[-1], None)
    else:
        resource[path[-1]] = copy.deepcopy(value)
