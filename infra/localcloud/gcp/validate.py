"""Checks requests and answers against the discovery documents, and brings requests into one form.

What may be written in several ways arrives in handlers in one: enums as names, int64 as strings, field names in
camelCase, no nulls (protobuf's JSON mapping: https://protobuf.dev/programming-guides/json/).
"""

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

from infra.localcloud.gcp import moments
from infra.localcloud.gcp.enums import number_of
from infra.localcloud.gcp.errors import Json, Refusal, bad_request
from infra.localcloud.gcp.routes import Document, Method

# Google's system parameters beside those of each document: https://cloud.google.com/apis/docs/system-parameters
SYSTEM = frozenset(
    {"$alt", "$fields", "$key", "$prettyPrint", "$callback", "$outputDefaults", "$unique", "userProject"}
)
# At most 10,000 years, protobuf's own limit.
_DURATION = re.compile(r"-?\d{1,12}(\.\d{1,9})?s")
_WHOLE = re.compile(r"-?\d{1,20}")
_RANGES = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}
_TIMES = ("google-datetime", "date-time")
_BYTES = str.maketrans("-_", "+/")


class AnswerMismatchError(Exception):
    """An answer of ours that does not fit the vendor's schema: a bug."""


class _Problem(Exception):  # noqa: N818 - carried to the one place that answers
    def __init__(self, path: str, text: str) -> None:
        super().__init__(f"{path}: {text}")
        self.path = path
        self.text = text


def checked_query(method: Method, query: Sequence[tuple[str, str]]) -> Json:
    """Return the query with the method's own names and types, without the system's parameters.

    Raises:
        Refusal: an unknown or missing parameter, or a value of the wrong type.
    """
    found: Json = {}
    for name, text in query:
        if name in SYSTEM or name in method.document.parameters:
            continue
        known, facts = _parameter(method, name)
        value = _request_problem(partial(_query_value, method, facts, text, known))
        if facts.get("repeated"):
            found.setdefault(known, []).append(value)
        else:
            found[known] = value
    for name, facts in method.parameters.items():
        if facts.get("required") and facts["location"] == "query" and name not in found:
            raise _refused(name, f"Required parameter is missing: {name}")
    return found


def checked_body(method: Method, body: Any) -> Json:
    """Return the request's body in one form; `body` is parsed JSON, None for an empty one.

    Raises:
        Refusal: an unknown field or a value of the wrong type.
    """
    if method.request is None:
        if body:
            name = next(iter(body)) if isinstance(body, dict) else "body"
            raise _refused(name, f'Invalid JSON payload received. Unknown name "{name}": the method takes no body.')
        return {}
    walk = _Walk(method.document, lenient=True)
    found: Json = _request_problem(partial(walk.named, method.request, {} if body is None else body, ""))
    return found


def check_answer(method: Method, answer: Any) -> None:
    """Raise AnswerMismatchError if an answer is not what the method's schema says."""
    if method.response is None:
        if answer:
            raise AnswerMismatchError(f"{method.id} answers nothing, but got {answer!r}")
        return
    check_schema(method.document, method.response, answer)


def check_schema(document: Document, schema: str, value: Any) -> None:
    """Raise AnswerMismatchError if a value that we made does not fit a named schema."""
    try:
        _Walk(document, lenient=False).named(schema, value, "")
    except _Problem as problem:
        raise AnswerMismatchError(f"{document.api} {schema}: {problem}") from problem


def camel(name: str) -> str:
    """Return a protobuf field name as JSON has it."""
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)


def _parameter(method: Method, name: str) -> tuple[str, Mapping[str, Any]]:
    """Return the parameter of a name; a field of the request's message may stand in the query, too."""
    fields = method.document.schemas.get(method.request or "", {}).get("properties", {})
    for known in (name, camel(name), re.sub(r"(?<!^)([A-Z])", lambda found: f"_{found[1].lower()}", name)):
        facts = method.parameters.get(known)
        if facts and facts["location"] == "query":
            return known, facts
        if known in fields and "$ref" not in fields[known]:
            return known, fields[known]
    head, dot, _ = name.partition(".")
    if dot and head in method.parameters:
        return name, method.parameters[head]
    raise _refused(
        name,
        f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter. '
        f"Field '{name}' could not be found in request message.",
    )


def _query_value(method: Method, facts: Mapping[str, Any], text: str, name: str) -> Any:
    # Python's clients write True, others 1.
    value = {"true": "true", "1": "true", "false": "false", "0": "false"}.get(text.lower(), text)
    is_boolean = facts.get("type") == "boolean"
    return _Walk(method.document, lenient=True).value(facts, value if is_boolean else text, name)


def _request_problem(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except _Problem as problem:
        raise _refused(problem.path, problem.text) from problem


def _refused(path: str, text: str) -> Refusal:
    return Refusal("INVALID_ARGUMENT", text, [bad_request({path: text})])


class _Walk:
    """Goes through a value along its schema; `lenient` takes all the ways in which a request may be written."""

    def __init__(self, document: Document, *, lenient: bool) -> None:
        self._document = document
        self._lenient = lenient

    def named(self, schema: str, value: Any, path: str) -> Any:
        return self.value(self._document.schemas[schema], value, path)

    def value(self, facts: Mapping[str, Any], value: Any, path: str) -> Any:
        if "$ref" in facts:
            return self.named(facts["$ref"], value, path)
        kind = facts.get("type", "any")
        return value if kind == "any" else self._kinds[kind](facts, value, path)

    @cached_property
    def _kinds(self) -> Mapping[str, Callable[[Mapping[str, Any], Any, str], Any]]:
        return {
            "object": self._object,
            "array": self._array,
            "string": self._text,
            "boolean": self._boolean,
            "integer": self._number,
            "number": self._number,
        }

    def _object(self, facts: Mapping[str, Any], value: Any, path: str) -> Json:
        if not isinstance(value, dict):
            raise self._wrong("object", value, path)
        fields, rest = facts.get("properties", {}), facts.get("additionalProperties")
        found: Json = {}
        for name, item in value.items():
            known = name if name in fields or not self._lenient else camel(name)
            at = f"{path}.{name}".lstrip(".")
            if known not in fields and rest is None:
                raise _Problem(at, _unknown(name, path))
            if item is None and self._lenient and _drops_null(fields.get(known, rest)):
                continue
            found[known if known in fields else name] = self.value(fields.get(known, rest), item, at)
        return found

    def _array(self, facts: Mapping[str, Any], value: Any, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise self._wrong("list", value, path)
        return [self.value(facts["items"], item, f"{path}[{position}]") for position, item in enumerate(value)]

    def _text(self, facts: Mapping[str, Any], value: Any, path: str) -> str:
        form = facts.get("format")
        if "enum" in facts:
            return self._enum(facts, value, path)
        if form in _RANGES:
            return str(self._whole(str(form), value, path, as_text=True))
        if not isinstance(value, str):
            raise self._wrong("TYPE_STRING", value, path)
        if form == "byte" and not _is_base64(value):
            raise self._wrong("TYPE_BYTES", value, path)
        if form == "google-duration" and not _DURATION.fullmatch(value):
            raise self._wrong("google.protobuf.Duration", value, path)
        if form in _TIMES and not moments.is_moment(value):
            raise self._wrong("google.protobuf.Timestamp", value, path)
        return value

    def _enum(self, facts: Mapping[str, Any], value: Any, path: str) -> str:
        names: list[str] = facts["enum"]
        if isinstance(value, str) and value in names:
            return value
        if self._lenient and (isinstance(value, int) or (isinstance(value, str) and _WHOLE.fullmatch(value))):
            for name in names:
                if number_of(names, name) == int(value):
                    return name
        raise self._wrong("TYPE_ENUM", value, path)

    def _number(self, facts: Mapping[str, Any], value: Any, path: str) -> Any:
        if facts["type"] == "integer":
            return self._whole(facts.get("format", "int32"), value, path, as_text=False)
        if isinstance(value, bool):
            raise self._wrong("TYPE_DOUBLE", value, path)
        try:
            return value if value in ("NaN", "Infinity", "-Infinity") else float(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise self._wrong("TYPE_DOUBLE", value, path) from error

    def _whole(self, form: str, value: Any, path: str, *, as_text: bool) -> int:
        is_text = isinstance(value, str) and _WHOLE.fullmatch(value) is not None
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and _is_whole(value)
        fits = (is_text or is_number) if self._lenient else (is_text if as_text else is_number)
        least, most = _RANGES[form]
        if not fits or not least <= int(value) <= most:
            raise self._wrong(f"TYPE_{form.upper()}", value, path)
        return int(value)

    def _boolean(self, facts: Mapping[str, Any], value: Any, path: str) -> bool:
        if self._lenient and value in ("true", "false"):
            return bool(value == "true")
        if not isinstance(value, bool):
            raise self._wrong("TYPE_BOOL", value, path)
        return value

    def _wrong(self, kind: str, value: Any, path: str) -> _Problem:
        shown = f'"{value}"' if isinstance(value, str) else value
        return _Problem(path, f"Invalid value at '{path}' ({kind}), {shown}")


def _is_whole(value: float) -> bool:
    return isinstance(value, int) or (math.isfinite(value) and int(value) == value)


def _unknown(name: str, path: str) -> str:
    where = f" at '{path}'" if path else ""
    return f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.'


def _drops_null(facts: Mapping[str, Any]) -> bool:
    """Null means "not set", but in a field of any JSON it is a value."""
    return facts.get("type") != "any"


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text.translate(_BYTES) + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
