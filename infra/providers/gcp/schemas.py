"""Google's discovery documents: the methods of an API, and the shapes of what they take."""

import json
from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any

_SCALARS = {"number": "double"}


class Shape:
    """A schema of a discovery document, in the words of `kit.shapes`."""

    def __init__(self, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> None:
        self._schema: Mapping[str, Any] = schemas[schema["$ref"]] if "$ref" in schema else schema
        self._schemas = schemas

    @cached_property
    def type_name(self) -> str:
        """`structure`, `map`, `list`, or the kind of a scalar; int64 is `string`, as it is on the wire."""
        if "properties" in self._schema:
            return "structure"
        if "additionalProperties" in self._schema:
            return "map"
        kind = str(self._schema.get("type", "any"))
        return "list" if kind == "array" else _SCALARS.get(kind, kind)

    @cached_property
    def members(self) -> Mapping[str, "Shape"]:
        """The members of a structure."""
        properties = self._schema.get("properties", {})
        return {name: Shape(schema, self._schemas) for name, schema in properties.items()}

    @cached_property
    def member(self) -> "Shape":
        """An item of a list."""
        return Shape(self._schema["items"], self._schemas)

    @cached_property
    def value(self) -> "Shape":
        """A value of a map."""
        return Shape(self._schema["additionalProperties"], self._schemas)


class Api:
    """One API in one version.

    Attributes:
        document: its discovery document.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def method(self, name: str) -> Mapping[str, Any]:
        """Return a method such as `projects.locations.keyRings.create`. Raises KeyError if there is none."""
        *collections, last = name.split(".")
        found = self.document
        for collection in collections:
            found = found["resources"][collection]
        method: Mapping[str, Any] = found["methods"][last]
        return method

    def parameters(self, name: str) -> frozenset[str]:
        """Return the names of what a method takes in its path and its query."""
        return frozenset(self.method(name).get("parameters", ()))

    def body(self, name: str, inside: str = "") -> Shape:
        """Return the shape of a method's body, or of a part of it, by its dotted path; of nothing if it takes none."""
        method = self.method(name)
        shape = Shape(method.get("request", {"properties": {}}), self.document["schemas"])
        for step in inside.split(".") if inside else ():
            shape = shape.members[step]
        return shape

    def answers_operation(self, name: str) -> bool:
        """Say whether a method answers with a long-running operation."""
        return str(self.method(name).get("response", {}).get("$ref", "")).endswith("Operation")


@cache
def api(name: str) -> Api:
    """Return an API such as `cloudkms.v1`, from the documents that Google's client brings along."""
    from googleapiclient.discovery_cache import get_static_doc

    service, _, version = name.partition(".")
    text = get_static_doc(service, version)
    if text is None:
        raise AssertionError(f"Google's client has no document of {name}")
    return Api(json.loads(text))
