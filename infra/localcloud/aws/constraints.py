"""Checks a request against the vendor's own model of it: required members, lengths, ranges, patterns and enums."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import regex
from botocore.model import Shape

from infra.localcloud.aws.failures import validation

NUMBERS = ("integer", "long", "float", "double")


def check_request(shape: Shape | None, request: Mapping[str, Any]) -> None:
    """Raise the vendor's ValidationException naming every member of the request that breaks a constraint."""
    problems = list(_problems(shape, request, "")) if shape is not None else []
    if not problems:
        return
    count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected: "
    raise validation(count + "; ".join(problems))


def _problems(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if value is None:
        yield _missing(path)
    elif shape.type_name == "structure":
        yield from _structure(shape, value, path)
    elif shape.type_name == "list":
        yield from _sized(shape, value, path)
        for position, item in enumerate(value):
            yield from _problems(shape.member, item, f"{path}.{position + 1}.member")
    elif shape.type_name == "map":
        yield from _sized(shape, value, path)
        for key, item in value.items():
            yield from _problems(shape.key, key, path)
            yield from _problems(shape.value, item, f"{path}.{key}.member")
    elif shape.type_name == "string":
        yield from _text(shape, value, path)
    elif shape.type_name in NUMBERS:
        yield from _number(shape, value, path)


def _structure(shape: Shape, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, member in shape.members.items():
        # The vendor names members with a small first letter here, whatever their case on the wire.
        at = f"{path}.{name[:1].lower()}{name[1:]}".lstrip(".")
        if value.get(name) is not None:
            yield from _problems(member, value[name], at)
        elif name in shape.required_members:
            yield _missing(at)


def _missing(path: str) -> str:
    return f"Value null at '{path}' failed to satisfy constraint: Member must not be null"


def _failed(value: object, path: str, constraint: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: Member must {constraint}"


def _sized(shape: Shape, value: Any, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and len(value) < least:
        yield _failed(value, path, f"have length greater than or equal to {least}")
    if most is not None and len(value) > most:
        yield _failed(value, path, f"have length less than or equal to {most}")


def _text(shape: Shape, value: str, path: str) -> Iterator[str]:
    yield from _sized(shape, value, path)
    enum, pattern = shape.metadata.get("enum"), shape.metadata.get("pattern")
    if enum and value not in enum:
        yield _failed(value, path, f"satisfy enum value set: [{', '.join(enum)}]")
    compiled = _compiled(pattern) if pattern else None
    if compiled is not None and compiled.fullmatch(value) is None:
        yield _failed(value, path, f"satisfy regular expression pattern: {pattern}")


def _number(shape: Shape, value: float, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and value < least:
        yield _failed(value, path, f"have value greater than or equal to {least}")
    if most is not None and value > most:
        yield _failed(value, path, f"have value less than or equal to {most}")


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> "regex.Pattern[str] | None":
    try:
        return regex.compile(pattern, regex.DOTALL)
    except regex.error:
        # A handful of the model's patterns are no regular expressions ("...*)${1,128}"): they constrain nothing.
        return None
