"""Every method of every API that the local Google Cloud knows, with nothing and with everything in its body."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from infra.localcloud.gcp.routes import APIS, Method, Routes
from infra.localcloud.gcp.services import handlers
from tests.localcloud.gcp.serving import Served

pytestmark = pytest.mark.slow
# These have tests of their own, start processes, or answer other than JSON.
APART = ("aiplatform.v1", "sqladmin.v1", "storage.v1")
DEPTH = 4
TEXTS = {
    "int32": 1,
    "uint32": 1,
    "int64": "1",
    "uint64": "1",
    "byte": "aGk=",
    "google-duration": "60s",
    "google-datetime": "2026-01-01T00:00:00Z",
    "date-time": "2026-01-01T00:00:00Z",
}
ROUTES = Routes()
HANDLED = handlers(ROUTES)


def methods(api: str) -> list[Method]:
    """Return an API's methods."""
    return list(ROUTES.documents[api].methods())


def path(method: Method) -> str:
    """Return a path that the method serves."""
    filled = re.sub(r"\{\+?projects?(Id|sId)?\}", "stile-local", method.flat_path)
    filled = re.sub(r"projects/\{[^}]*\}", "projects/stile-local", filled)
    return "/" + re.sub(r"\{[^}]*\}", "some-thing", filled)


def required(method: Method) -> dict[str, str]:
    """Return the query parameters that the method must have."""
    return {
        name: str(facts.get("enum", [TEXTS.get(facts.get("format", ""), "x")])[0])
        for name, facts in method.parameters.items()
        if facts.get("required") and facts["location"] == "query"
    }


def everything(method: Method) -> dict[str, str]:
    """Return all query parameters."""
    return {
        name: str(facts.get("enum", [_scalar(facts)])[-1])
        for name, facts in method.parameters.items()
        if facts["location"] == "query" and name not in ("pageToken", "filter", "orderBy")
    }


def _scalar(facts: Mapping[str, Any]) -> Any:
    kinds = {"boolean": "true", "integer": 1, "number": 1.5}
    return TEXTS.get(facts.get("format", ""), kinds.get(facts.get("type", ""), "x"))


def full(schemas: Mapping[str, Any], facts: Mapping[str, Any], depth: int = DEPTH) -> Any:
    """Return a value of a schema with every field set, down to a depth."""
    if "$ref" in facts:
        return full(schemas, schemas[facts["$ref"]], depth - 1) if depth > 0 else {}
    kind = facts.get("type")
    if "additionalProperties" in facts:
        return {"key": full(schemas, facts["additionalProperties"], depth)}
    if kind == "object":
        fields = facts.get("properties", {})
        return {name: full(schemas, inner, depth) for name, inner in fields.items()} if depth > 0 else {}
    if kind == "array":
        return [full(schemas, facts["items"], depth)] if depth > 0 else []
    if kind == "boolean":
        return True
    return facts.get("enum", [_scalar(facts)])[-1]


@pytest.mark.parametrize("api", APIS)
def test_no_method_fails_without_a_body(gcp: Served, api: str) -> None:
    """Protects: every method of the documents is answered: 501 if nobody implements it, never a failure."""
    wrong = []
    for method in methods(api):
        answer = gcp.http.request(method.verb, path(method), params=required(method))
        is_handled = any((one.document.api, one.id) in HANDLED for one in ROUTES.match(method.verb, path(method)[1:]))
        if answer.status_code >= 500 and (is_handled or answer.status_code != 501) and api not in APART:
            wrong.append(f"{method.id}: {answer.status_code} {answer.text[:300]}")
        elif not is_handled and answer.status_code not in (501, 400) and api not in APART:
            wrong.append(f"{method.id}: {answer.status_code}, not 501")
    assert wrong == []


@pytest.mark.parametrize("api", [api for api in APIS if api not in APART])
def test_no_handler_fails_with_a_body_of_everything(gcp: Served, api: str) -> None:
    """Protects: whatever fits the schema gets an answer that fits it, or a refusal, or 501, never a failure."""
    wrong, tried = [], 0
    for method in methods(api):
        if (api, method.id) not in HANDLED:
            continue
        for body in _bodies(method):
            tried += 1
            answer = gcp.http.request(method.verb, path(method), params=everything(method), json=body)
            if answer.status_code >= 500 and answer.status_code != 501:
                wrong.append(f"{method.id}: {answer.status_code} {answer.text[:300]}")
    assert wrong == []
    assert tried


def _bodies(method: Method) -> Iterator[Any]:
    if method.request is None:
        yield None
        return
    schemas = method.document.schemas
    for depth in range(1, DEPTH + 1):
        yield full(schemas, {"$ref": method.request}, depth)
