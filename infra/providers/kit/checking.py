"""Checks inputs against a type's properties: unknown and missing ones, wrong types, documents given as objects."""

import json
from collections.abc import Iterator, Mapping

from infra.providers.kit.differences import key_path
from infra.providers.kit.resource import Failure
from infra.providers.kit.schema import Property, is_asset
from infra.providers.kit.values import UNKNOWN, Properties, Value, has_unknown

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "json": (str,),
    "policy": (str,),
    "list": (list,),
    "map": (dict,),
    "object": (dict,),
}


def tidy(properties: Mapping[str, Property], inputs: Properties) -> Properties:
    """Return the inputs without those that are null, documents as text, and scalars in their declared type."""
    return {
        name: _tidy(properties[name], value) if name in properties else value
        for name, value in inputs.items()
        if value is not None and not name.startswith("__")
    }


def _tidy(known: Property, value: Value) -> Value:
    if known.kind in ("json", "policy") and isinstance(value, dict | list):
        return UNKNOWN if has_unknown(value) else json.dumps(value, separators=(",", ":"))
    if isinstance(value, dict) and known.children:
        return tidy(known.children, value)
    if isinstance(value, list) and known.children:
        return [tidy(known.children, item) if isinstance(item, dict) else item for item in value]
    return _scalar(known.kind, value)


def _scalar(kind: str, value: Value) -> Value:
    """Coerce as the real bridge does: numbers and booleans given as text, and text given as numbers."""
    if kind == "string" and isinstance(value, bool):
        return str(value).lower()
    if kind == "string" and isinstance(value, int | float):
        return str(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    if kind == "integer" and isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    return value


def failures(properties: Mapping[str, Property], inputs: Properties, path: str = "") -> Iterator[Failure]:
    """Yield everything that is wrong with the inputs, each with its path."""
    for name, value in inputs.items():
        here = key_path(path, name) if path else name
        if name not in properties:
            yield Failure(here, f"the local stand-in does not support the input `{here}`")
        elif value is not UNKNOWN:
            yield from _value_failures(properties[name], value, here)
    for name, known in properties.items():
        if known.required and name not in inputs:
            here = key_path(path, name) if path else name
            yield Failure(here, f"missing required input `{here}`")


def _value_failures(known: Property, value: Value, path: str) -> Iterator[Failure]:
    if is_asset(value) and known.kind == "asset":
        return
    wanted = _TYPES.get(known.kind)
    wrong_bool = isinstance(value, bool) and known.kind in ("integer", "number")
    if wanted and (wrong_bool or not isinstance(value, wanted)):
        yield Failure(path, f"`{path}` must be a {known.kind}, not {type(value).__name__}")
    elif isinstance(value, dict) and known.children:
        yield from failures(known.children, value, path)
    elif isinstance(value, list) and known.children:
        for index, item in enumerate(value):
            yield from _item_failures(known, item, f"{path}[{index}]")


def _item_failures(known: Property, item: Value, path: str) -> Iterator[Failure]:
    if isinstance(item, dict):
        yield from failures(known.children, item, path)
    elif item is not UNKNOWN:
        yield Failure(path, f"`{path}` must be an object, not {type(item).__name__}")
