"""Walks through the tables of a stand-in: every property by its path, what templates speak of, places in shapes."""

import string
from collections.abc import Iterator
from typing import Any

from infra.providers.kit.shapes import member
from infra.providers.kit.tables import Field, Type


def paths(fields: dict[str, Field], prefix: str = "") -> Iterator[tuple[str, Field]]:
    for name, field in fields.items():
        yield prefix + name, field
        yield from paths(dict(field.children), f"{prefix}{name}.")


def names(template: Any) -> Iterator[str]:
    if isinstance(template, str):
        yield from (name for _, name, _, _ in string.Formatter().parse(template) if name)
    for value in template.values() if isinstance(template, dict) else template if isinstance(template, list) else ():
        yield from names(value)


def placed(path: str, table: Type, shape: Any) -> bool:
    """Say whether a nested property has a member in the shape of an operation."""
    fields = dict(table.fields)
    for name in path.split("."):
        field = fields[name]
        for step in (field.api or field.name).split("."):
            while shape.type_name == "list":
                shape = shape.member
            if shape.type_name == "map":
                return True
            found = member(step, tuple(shape.members)) if shape.type_name == "structure" else None
            if found is None:
                return False
            shape = shape.members[found]
        fields = dict(field.children)
    return True
