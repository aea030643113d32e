"""What the official provider plugin sent to Cloud Storage gets the recorded statuses and comes back as it was sent."""

import json
from typing import Any

import httpx

from infra.localcloud.gcp.routes import Routes
from infra.localcloud.gcp.validate import check_answer
from tests.localcloud.gcp.replay import WIRE

ALL = [json.loads(line) for line in WIRE.read_text().splitlines()]
LINES = [line for line in ALL if line["path"].startswith("/storage/")]


def test_what_the_provider_sent_is_answered_as_it_was(http: httpx.Client) -> None:
    assert len(LINES) == 34
    routes = Routes(("storage.v1",))
    etag: str | None = None
    for line in LINES:
        body: Any = line.get("body")
        if body and "etag" in body:
            body = body | {"etag": etag}  # the one that was read last, as the provider does
        answer = http.request(line["method"], line["path"], params=line["query"], json=body)
        assert answer.status_code == line["answered"], line
        if line["discovery"] and answer.content:
            check_answer(routes.method(line["discovery"].partition(":")[2]), answer.json())
            _check_what_came_back(body, answer.json())
            etag = answer.json().get("etag")


def _check_what_came_back(sent: Any, answer: Any) -> None:
    """Each field that was sent must come back equal, or the next plan shows a change."""
    for name, value in (sent or {}).items():
        if name == "etag":
            continue
        if isinstance(value, dict):
            _check_what_came_back(value, answer[name])
        elif name == "bindings":
            assert sorted(map(str, answer[name])) == sorted(map(str, value))
        else:
            assert answer[name] == value
