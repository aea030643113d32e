"""From pydantic's errors to Problems: property path, value, what is allowed, and the fix."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from components.errors import Problem
from components.spec import NAME_ALLOWED

Location = tuple[str | int, ...]

_TAGS = ("need", "type", "[key]")
_UNITS = {
    "seconds": "a number of seconds, such as 300 for five minutes",
    "days": "a number of days, such as 90",
    "hours": "a number of hours, such as 2 or 0.5",
    "gib": "a number of GiB, such as 8",
    "usd": "a number of US dollars, such as 250",
    "percent": "a number of percent, such as 10",
    "ms": "a number of milliseconds, such as 500",
    "minute": "a number per minute, such as 1",
}


def problems_of(error: ValidationError, model: type[BaseModel], prefix: Mapping[str, str]) -> list[Problem]:
    """Translate every error of a failed validation.

    `prefix` says how the first field is written in the configuration, such as platform -> stile:platform.
    """
    return [_problem(detail, model, prefix) for detail in error.errors(include_url=False, include_context=True)]


def location_of(detail: ErrorDetails) -> Location:
    """Return where an error is, as keys of the configuration, without pydantic's own tags."""
    return tuple(part for part in detail["loc"] if part not in _TAGS)


def path_text(location: Location, prefix: Mapping[str, str]) -> str:
    """Write a location as a property path, such as stile:platform.models.flights.endpoint.instances.min."""
    first, *rest = location
    text = prefix.get(str(first), str(first))
    for part in rest:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text


def did_you_mean(word: str, known: Sequence[str]) -> str | None:
    """Return the known word that a user most likely meant, or None."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if close:
        return close[0]
    stem = word.split("_", maxsplit=1)[0]
    return next((name for name in known if name.split("_", maxsplit=1)[0] == stem), None)


def _problem(detail: ErrorDetails, model: type[BaseModel], prefix: Mapping[str, str]) -> Problem:
    location = location_of(detail)
    path = path_text(location, prefix)
    key = str(location[-1])
    if detail["type"] == "extra_forbidden":
        return _unknown_key(detail, path, key, _keys(model, location[:-1]))
    field = _field(model, location)
    allowed = _allowed(detail, field)
    if detail["type"] == "missing":
        return Problem(path, "", allowed, f"add `{key}`: {allowed}")
    return Problem(path, _shown(detail["input"]), allowed, _fix(detail, key, allowed))


def _unknown_key(detail: ErrorDetails, path: str, key: str, known: Sequence[str]) -> Problem:
    meant = did_you_mean(key, known)
    fix = f"did you mean `{meant}`?" if meant else f"remove `{key}`"
    return Problem(path, _shown(detail["input"]), "one of the keys " + ", ".join(known), fix)


def _fix(detail: ErrorDetails, key: str, allowed: str) -> str:
    if "[key]" in detail["loc"]:
        return f"rename `{key}`"
    if detail["type"] == "literal_error":
        known = _expected(detail)
        meant = did_you_mean(str(detail["input"]), known)
        return f"did you mean `{meant}`?" if meant else f"write one of {', '.join(known)}"
    unit = key.rsplit("_", maxsplit=1)[-1]
    if unit in _UNITS and not isinstance(detail["input"], int | float):
        return f"write {_UNITS[unit]}"
    return f"write {allowed}"


def _allowed(detail: ErrorDetails, field: FieldInfo | None) -> str:
    if "[key]" in detail["loc"]:
        return f"as a name: {NAME_ALLOWED}"
    if detail["type"] == "literal_error":
        return "one of " + ", ".join(_expected(detail))
    if field is not None and field.description:
        return field.description
    model = _model_in(field.annotation) if field is not None else None
    if model is not None:
        return "an object with the keys " + ", ".join(model.model_fields)
    message: str = detail["msg"]
    return message[0].lower() + message[1:]


def _expected(detail: ErrorDetails) -> list[str]:
    text: str = detail["ctx"]["expected"]
    return text.replace("'", "").replace(" or ", ", ").split(", ")


def _keys(model: type[BaseModel], location: Location) -> tuple[str, ...]:
    owner = _model_at(model, location)
    return tuple(owner.model_fields) if owner is not None else ()


def _field(model: type[BaseModel], location: Location) -> FieldInfo | None:
    """Return the field that a location names; the one that holds it where the location is an item or a key of it."""
    for end in range(len(location), 0, -1):
        owner = _model_at(model, location[: end - 1])
        if owner is not None and location[end - 1] in owner.model_fields:
            return owner.model_fields[str(location[end - 1])]
        if owner is None:
            item = _model_at(model, location[:end])
            if item is not None:
                return FieldInfo(annotation=item)
    return None


def _model_at(model: type[BaseModel], location: Location) -> type[BaseModel] | None:
    """Return the model that stands at a location, or None if a plain value, list or map does."""
    current: type[BaseModel] | None = model
    in_map = False
    for part in location:
        if in_map:
            in_map = False
            continue
        if current is None or part not in current.model_fields:
            return None
        annotation = current.model_fields[str(part)].annotation
        current, in_map = _model_in(annotation), _is_map(annotation)
    return None if in_map else current


def _is_map(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) is dict


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
