"""One request to the JSON API as the handlers see it, and their answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from infra.localcloud.gcp import errors
from infra.localcloud.gcp.partial import selected
from infra.localcloud.gcp.routes import Method, Routes
from infra.localcloud.gcp.storage.refusals import Refusal, invalid, not_found, required
from infra.localcloud.gcp.validate import check_answer, checked_body, checked_query

JSON = dict[str, Any]
# Taken by every upload and download; the discovery document does not list them for each method.
MEDIA_PARAMETERS = frozenset({"uploadType", "upload_id", "upload_protocol", "alt", "fields", "name"})
# As the official Python client spells it when it uploads.
SPELLINGS = {"ifMetaGenerationNotMatch": "ifMetagenerationNotMatch"}
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        method: the id of the API's method, like storage.objects.get.
        path: the parts of the path by their names, decoded.
        query: the parameters, checked: booleans are bool, whole numbers int or text.
        headers: the headers, names in lower case.
        base_url: where the caller reached the server, without a slash at the end; links of answers begin so.
        token: the caller's bearer token, None where there is none.
        body: the JSON body, checked; empty where there is none.
    """

    method: str
    path: Mapping[str, str]
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    base_url: str
    token: str | None
    body: JSON = field(default_factory=dict)

    @property
    def reading(self) -> bool:
        """Whether the request only reads; then a failed "not match" is 304, else 412."""
        return self.method.endswith((".get", ".list"))

    def text(self, name: str) -> str | None:
        """The value of a parameter; an empty one counts as not given."""
        return self.query.get(name) or None

    def needed(self, name: str) -> str:
        """The value of a parameter that must be there.

        Raises:
            Refusal: 400.
        """
        if (value := self.text(name)) is None:
            raise required(name)
        return value

    def number(self, name: str) -> int | None:
        """The value of a whole number; None if it was not given."""
        value = self.query.get(name)
        return None if value is None else int(value)

    def flag(self, name: str) -> bool:
        """The value of a yes or no; not given is no."""
        return bool(self.query.get(name))


@dataclass(frozen=True)
class Answer:
    """What a handler answers: a JSON body, or none."""

    body: JSON | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Api:
    """Which method of the JSON API a request means, and whether it says what the method allows."""

    def __init__(self) -> None:
        self._routes = Routes(("storage.v1",))

    def find(self, verb: str, path: str) -> tuple[Method, dict[str, str]]:
        """The method that a verb and a still encoded path (from "storage/v1/" on) mean, and the path's parts, decoded.

        Raises:
            Refusal: 404 for a path that no method has, 405 for another verb, 400 for bytes that are no UTF-8.
        """
        _check_encoding(path)
        for method in self._routes.match(verb, path):
            return method, method.values(path)
        if any(self._routes.match(other, path) for other in VERBS):
            raise Refusal(405, f"Method Not Allowed: {verb}", "httpMethodNotAllowed")
        raise not_found()

    def query(self, method: Method, pairs: Sequence[tuple[str, str]]) -> JSON:
        """The parameters by their names, checked.

        Raises:
            Refusal: 400 for one that the method does not have, or a value that is not of its type.
        """
        extra = {name: value for name, value in pairs if name in MEDIA_PARAMETERS}
        own = [(SPELLINGS.get(name, name), value) for name, value in pairs if name not in MEDIA_PARAMETERS]
        try:
            known = checked_query(method, own)
        except errors.Refusal as refusal:
            raise _in_our_words(refusal) from refusal
        return extra | known

    def body(self, method: Method, given: Any) -> JSON:
        """The body in one form; a patch keeps its nulls, since a merge patch removes with them.

        Raises:
            Refusal: 400 for a field that the schema does not have, or a value that is not of its type.
        """
        try:
            checked = checked_body(method, given)
        except errors.Refusal as refusal:
            raise _in_our_words(refusal) from refusal
        return _with_nulls(given, checked) if method.verb_name == "patch" and isinstance(given, dict) else checked

    def answer(self, method: str, body: JSON, fields: str | None) -> JSON:
        """Check an answer of a method against the vendor's schema; return it, or the fields of it that are wanted.

        Raises:
            Refusal: 400 for fields that cannot be read.
            AnswerMismatchError: a bug of ours.
        """
        check_answer(self._routes.method(method), body)
        try:
            return dict(selected(body, fields)) if fields else body
        except errors.Refusal as refusal:
            raise _in_our_words(refusal) from refusal


def _check_encoding(path: str) -> None:
    try:
        unquote(path, errors="strict")
    except UnicodeDecodeError as error:
        raise invalid("The path is not UTF-8 once decoded.") from error


def _with_nulls(given: Mapping[str, Any], checked: JSON) -> JSON:
    for name, value in given.items():
        if value is None:
            checked[name] = None
        elif isinstance(value, dict) and isinstance(checked.get(name), dict):
            _with_nulls(value, checked[name])
    return checked


def _in_our_words(refusal: errors.Refusal) -> Refusal:
    """A refusal of the check that all services share, in the form that Cloud Storage's errors have."""
    reason = "required" if "missing" in refusal.message else "invalid"
    return Refusal(refusal.status.http, refusal.message, reason)
