"""The official provider's own requests, as it sent them, get the answers that it needs."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.localcloud.gcp.validate import check_answer
from tests.localcloud.gcp.cloud import LocalGcp
from tests.localcloud.gcp.replay import Replay, Request, missing, recorded
from tests.localcloud.gcp.serving import Served, served

# What is kept, but never shown, or shown elsewhere.
UNSHOWN = ("addVersion", "setIamPolicy")
# Of the 17 types: all but key rings, secret versions (no body), and bucket members (whole policies).
KINDS_WITH_A_BODY = 14


@pytest.fixture
def fresh(local_gcp: LocalGcp, tmp_path: Path) -> Any:
    with served(tmp_path, local_gcp.cloud.registry_url) as found:
        yield found


def test_the_recorded_requests_get_the_recorded_status(fresh: Served) -> None:
    """Protects: each of the 227 requests gets its status, an answer that fits its schema, and no 5xx."""
    replay, wrong = Replay(fresh.http), []
    for request in recorded():
        answer = replay.send(request)
        if answer.status_code != request.answered:
            wrong.append(f"{request.number} {request.verb} {request.path}: {answer.status_code} {answer.text[:200]}")
        elif answer.is_success and request.method:
            _check_schema(fresh, request, answer.json() if answer.content else {})
    assert wrong == []


def _check_schema(gcp: Served, request: Request, body: Any) -> None:
    api, _, method_id = str(request.method).partition(":")
    check_answer(gcp.cloud.routes.method(method_id, api), body)


def test_what_was_sent_is_read_back(fresh: Served) -> None:
    """Protects: the provider compares what it reads with what it sent; a field that does not come back is a change."""
    replay, gaps = Replay(fresh.http), []
    sent: dict[str, dict[str, Any]] = {}
    compared = set()
    for request in recorded():
        answer = replay.send(request)
        word, name = str(request.method).rpartition(".")[2], answer.request.url.path.rpartition("/")[2]
        if request.verb in ("POST", "PUT", "PATCH") and request.body and word not in UNSHOWN:
            body = fresh.settled(answer.json())
            made = body.get("response", body).get("name", name)
            sent[made.rpartition("/")[2]] = _resource(json.loads(answer.request.content))
        elif request.verb == "GET" and answer.is_success and name in sent:
            compared.add(str(request.method))
            gaps += [f"{request.number}{gap}" for gap in missing(sent[name], answer.json())]
    assert gaps == []
    assert len(compared) >= KINDS_WITH_A_BODY


def _resource(body: dict[str, Any]) -> dict[str, Any]:
    """Some requests wrap the resource; etags and the times of a mask are the server's."""
    inner = body.get("serviceAccount") or body.get("topic") or body
    return {name: value for name, value in inner.items() if name not in ("etag", "updateMask")}
