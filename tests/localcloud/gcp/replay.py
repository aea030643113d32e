"""Sends what the official provider once sent, in order, with our server's ids in place of the recorded ones.

wire.jsonl: 227 requests of the provider plugin of pulumi-gcp 10.2.0 under the Pulumi CLI 3.259 (up, refresh, changes of
labels, changes from outside and their repair, destroy), recorded in November 2026 by a server that checked them against
the discovery documents (aiplatform v1, revision 20261106). Answers were not recorded, only their status.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

WIRE = Path(__file__).with_name("wire.jsonl")
# Kinds whose ids the server makes.
MADE = ("notificationChannels", "alertPolicies", "dashboards", "tensorboards", "operations", "conditions")
_ID = re.compile(rf"/({'|'.join(MADE)})/(\d+)")
# The recorder's own fault: it failed at this method, where the real service answers.
FAULTY = "cloudkms.projects.locations.keyRings.cryptoKeys.cryptoKeyVersions.list"


@dataclass(frozen=True)
class Request:
    """One recorded request.

    Attributes:
        number: its line.
        verb, path, query, body: what was sent.
        method: API and id of the method that the recorder took it for, None for a path in no document.
        answered: the status that must come back.
    """

    number: int
    verb: str
    path: str
    query: Mapping[str, str]
    body: Any
    method: str | None
    answered: int


def recorded() -> Iterator[Request]:
    """Yield the recorded requests in their order."""
    for number, line in enumerate(WIRE.read_text().splitlines(), 1):
        row = json.loads(line)
        faulty = str(row["discovery"]).endswith(f":{FAULTY}") and row["answered"] == 500
        yield Request(
            number=number,
            verb=row["method"],
            path=row["path"],
            query=row.get("query", {}),
            body=row.get("body"),
            method=row["discovery"],
            answered=200 if faulty else row["answered"],
        )


@dataclass
class Replay:
    """Sends recorded requests to a server.

    Attributes:
        http: a client of the server.
    """

    http: httpx.Client
    _made: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _ids: dict[tuple[str, str], str] = field(default_factory=dict)
    _etags: dict[str, str] = field(default_factory=dict)

    def send(self, request: Request) -> httpx.Response:
        """Send a request with our own ids and etags, and remember those that the answer brings."""
        path = self._translated(request.path)
        if request.answered == 404 and "metadataStores" in path:
            # It was deleted from outside, which the recording does not show.
            self.http.delete(path)
        body = json.loads(self._translated(json.dumps(request.body)))
        self._freshen(path, body)
        # Without a body the provider sends none, not `{}`.
        content = None if request.body is None else json.dumps(body).encode()
        answer = self.http.request(request.verb, path, params=dict(request.query), content=content)
        self._learn(path, answer)
        return answer

    def _translated(self, text: str) -> str:
        return _ID.sub(lambda found: f"/{found[1]}/{self._id(found[1], found[2])}", text)

    def _id(self, kind: str, recorded_id: str) -> str:
        if (kind, recorded_id) not in self._ids:
            taken = {ours for (other, _), ours in self._ids.items() if other == kind}
            fresh = [one for one in self._made[kind] if one not in taken]
            self._ids[kind, recorded_id] = fresh[0] if fresh else recorded_id
        return self._ids[kind, recorded_id]

    def _freshen(self, path: str, body: Any) -> None:
        for place in (body, *(body.values() if isinstance(body, dict) else ())):
            if isinstance(place, dict) and "etag" in place and path in self._etags:
                place["etag"] = self._etags[path]

    def _learn(self, path: str, answer: httpx.Response) -> None:
        for kind, made in _ID.findall(answer.text):
            if made not in self._made[kind]:
                self._made[kind].append(made)
        if answer.is_success and "application/json" in answer.headers.get("content-type", ""):
            etag = answer.json().get("etag")
            if etag:
                self._etags[path] = etag


def missing(sent: Any, got: Any, path: str = "") -> list[str]:
    """Return the paths of what was sent and did not come back; empty objects may be left out."""
    if isinstance(sent, dict):
        have = got if isinstance(got, dict) else {}
        return [gap for name, value in sent.items() for gap in missing(value, have.get(name), f"{path}.{name}")]
    if isinstance(sent, list) and isinstance(got, list) and len(sent) == len(got):
        return [
            gap
            for i, (one, other) in enumerate(zip(sent, got, strict=True))
            for gap in missing(one, other, f"{path}[{i}]")
        ]
    return [] if sent == got or sent is None else [f"{path}: {sent!r} became {got!r}"]
