"""The `filter` and `orderBy` of lists, as far as Google's clients and people use them. Source: https://google.aip.dev/160.

Comparisons of fields with =, !=, <, <=, >, >= and : (has), joined by AND, with NOT or - before one, and Monitoring's
functions (https://cloud.google.com/monitoring/api/v3/filters). Everything else is refused as not implemented, never
ignored: a filter that is ignored lists what was not asked for.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from infra.localcloud.gcp import moments
from infra.localcloud.gcp.errors import Refusal, invalid
from infra.localcloud.gcp.validate import camel

_TERM = re.compile(
    r"\s*(?P<not>NOT\s+|-)?(?P<field>[\w.`\-/]+)\s*(?P<operator><=|>=|!=|=|<|>|:)\s*"
    r'(?:(?P<function>[a-z_.]+)\((?P<arguments>[^()]*)\)|(?P<value>"(?:[^"\\]|\\.)*"|[^\s()]+))\s*'
)
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FUNCTIONS: Mapping[str, Callable[[str, Sequence[str]], bool]] = {
    "starts_with": lambda found, given: found.startswith(given[0]),
    "ends_with": lambda found, given: found.endswith(given[0]),
    "has_substring": lambda found, given: given[0] in found,
    "one_of": lambda found, given: found in given,
    "monitoring.regex.full_match": lambda found, given: re.fullmatch(given[0], found) is not None,
}
_JOIN = re.compile(r"AND\s+")
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda found, wanted: bool(found == wanted),
    "!=": lambda found, wanted: bool(found != wanted),
    "<": lambda found, wanted: bool(found < wanted),
    "<=": lambda found, wanted: bool(found <= wanted),
    ">": lambda found, wanted: bool(found > wanted),
    ">=": lambda found, wanted: bool(found >= wanted),
}


def matches(text: str) -> Callable[[Mapping[str, Any]], bool]:
    """Return what tells whether a resource fits the filter.

    Raises:
        Refusal: UNIMPLEMENTED, if the filter says more than this understands.
    """
    terms = list(_terms(text))
    return lambda resource: all(term(resource) for term in terms)


def order(text: str) -> list[tuple[str, bool]]:
    """Return the fields to sort by, each with whether it is descending; raises INVALID_ARGUMENT."""
    found = []
    for part in filter(None, (one.strip() for one in text.split(","))):
        field, _, direction = part.partition(" ")
        if direction.strip().lower() not in ("", "asc", "desc"):
            raise invalid(f"Invalid order: {part}", field="orderBy")
        found.append((field, direction.strip().lower() == "desc"))
    return found


def value_at(resource: Mapping[str, Any], field: str) -> Any:
    """Return the value of a field given by its path; None if the resource has none."""
    value: Any = resource
    for word in field.replace("`", "").split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(word, value.get(camel(word)))
    return value


def _terms(text: str) -> Iterator[Callable[[Mapping[str, Any]], bool]]:
    position = 0
    while text[position:].strip():
        found = _TERM.match(text, position)
        if found is None:
            raise Refusal("UNIMPLEMENTED", f"The local cloud does not understand this filter: {text}")
        yield _term(found)
        position = found.end()
        join = _JOIN.match(text, position)
        if join:
            position = join.end()
        elif text[position:].startswith(("OR ", "(", ")")):
            raise Refusal("UNIMPLEMENTED", f"The local cloud does not understand this filter: {text}")


def _term(found: "re.Match[str]") -> Callable[[Mapping[str, Any]], bool]:
    field, operator, is_not = found["field"], found["operator"], bool(found["not"])
    compared = _by_function(found) if found["function"] else partial(_compared, operator=operator, wanted=_plain(found))
    return lambda resource: compared(value_at(resource, field)) != is_not


def _plain(found: "re.Match[str]") -> str:
    text = found["value"]
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def _by_function(found: "re.Match[str]") -> Callable[[Any], bool]:
    function, given = _FUNCTIONS.get(found["function"]), _TEXT.findall(found["arguments"])
    if function is None or not given or found["operator"] not in ("=", "!="):
        raise Refusal("UNIMPLEMENTED", f"The local cloud does not understand this filter: {found[0].strip()}")
    if found["function"].startswith("monitoring.regex"):
        _check_pattern(given[0])
    return lambda value: function("" if value is None else str(value), given) != (found["operator"] == "!=")


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise invalid(f"Invalid filter: '{pattern}' is no regular expression: {error}", field="filter") from error


def _compared(found: Any, operator: str, wanted: str) -> bool:
    if operator == ":":
        return _has(found, wanted)
    if found is None:
        return operator == "!=" or (operator == "=" and wanted == "")
    if operator == "=" and "*" in wanted:
        return re.fullmatch(".*".join(re.escape(part) for part in wanted.split("*")), str(found)) is not None
    return _COMPARE[operator](*_alike(found, wanted))


def _alike(found: Any, wanted: str) -> tuple[Any, Any]:
    """Return both as what the field is: a truth, a number, a time, or text."""
    if isinstance(found, bool):
        return str(found).lower(), wanted.lower()
    if isinstance(found, int | float):
        return float(found), _number(wanted)
    if moments.is_moment(str(found)) and moments.is_moment(wanted):
        return moments.moment(str(found)), moments.moment(wanted)
    return str(found), wanted


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise invalid(f"Invalid filter: '{text}' is no number.", field="filter") from error


def _has(found: Any, wanted: str) -> bool:
    if wanted == "*":
        return found is not None
    if isinstance(found, Mapping | list):
        return wanted in found
    return found is not None and wanted.lower() in str(found).lower()
