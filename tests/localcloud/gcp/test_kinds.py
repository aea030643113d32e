"""Every kind of resource with generic behaviour, by Google's own client: the whole life of one, and what is refused."""

import itertools
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from infra.localcloud.gcp.service import TABLE
from infra.localcloud.gcp.services import services
from tests.localcloud.gcp.cloud import google_refusal
from tests.localcloud.gcp.kinds import KINDS, Kind
from tests.localcloud.gcp.replay import missing
from tests.localcloud.gcp.serving import PROJECT, Served

_COUNT = itertools.count()
# Kinds whose life is told by tests of their own.
ELSEWHERE = {"kms.cryptoKeys", "kms.cryptoKeyVersions", "secretmanager.versions", "run.revisions"}


@dataclass
class Used:
    """A kind with the client's collection of it."""

    kind: Kind
    collection: Any
    gcp: Served

    def create(self, given: str, **more: Any) -> dict[str, Any]:
        """Make one, and return the resource."""
        kind = self.kind
        body = {
            name: value.replace("{id}", given) if isinstance(value, str) else value for name, value in kind.body.items()
        }
        body |= more
        if kind.wrapped == "role":
            given = given.replace("-", "_")
        if kind.wrapped in ("serviceAccount", "role"):
            body = {{"serviceAccount": "accountId", "role": "roleId"}[kind.wrapped]: given, kind.wrapped: body}
        parameter, parent = kind.parent
        named = {kind.id_parameter: given} if kind.id_parameter else {}
        answer = self.collection.create(**{parameter: parent.replace("{id}", given)}, **named, body=body).execute()
        return self.resource(answer)

    def get(self, name: str) -> dict[str, Any]:
        """Read one."""
        found: dict[str, Any] = self.collection.get(**{self.kind.name_parameter: name}).execute()
        return found

    def patch(self, name: str, change: dict[str, Any], mask: str) -> dict[str, Any]:
        """Change one."""
        if self.kind.wrapped in ("serviceAccount", "topic", "subscription"):
            wrapped = {self.kind.wrapped: change, "updateMask": mask}
            return self.resource(self.collection.patch(name=name, body=wrapped).execute())
        more = {} if self.kind.path == "projects.dashboards" else {"updateMask": mask}
        return self.resource(self.collection.patch(name=name, body=change, **more).execute())

    def delete(self, name: str) -> None:
        """Delete one."""
        self.collection.delete(**{self.kind.name_parameter: name}).execute()

    def names(self, size: int) -> Iterator[str]:
        """List all, in pages of a size."""
        parameter, parent = self.kind.parent
        if parameter == "name" and self.kind.service == "pubsub":
            parameter, parent = "project", PROJECT
        request = self.collection.list(**{parameter: parent}, pageSize=size)
        while request is not None:
            answer = request.execute()
            (found,) = [value for value in answer.values() if isinstance(value, list)] or [[]]
            assert len(found) <= size
            yield from (one["name"] for one in found)
            request = self.collection.list_next(request, answer)

    def resource(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the resource of an answer, which may be an operation."""
        ended = self.gcp.settled(answer)
        assert "error" not in ended
        if "response" in ended:
            return {name: value for name, value in ended["response"].items() if name != "@type"}
        return ended


@pytest.fixture(params=KINDS, ids=lambda kind: kind.title)
def used(request: pytest.FixtureRequest, gcp: Served) -> Used:
    kind: Kind = request.param
    place = gcp.client(kind.service, kind.version)
    for word in kind.path.split("."):
        place = getattr(place, word)()
    if kind.service in ("pubsub", "cloudscheduler"):
        gcp.http.put(f"/v1/{PROJECT}/topics/shared", json={})
    return Used(kind, place, gcp)


@pytest.fixture
def given() -> str:
    return f"given-{next(_COUNT)}"


def test_a_whole_life(used: Used, given: str) -> None:
    """Protects: create, get, list in pages, patch under a mask, delete; what was sent is what is read."""
    made, other = used.create(given), used.create(f"{given}-b")
    sent = {name: value for name, value in used.kind.body.items() if name != "name"}
    assert missing(sent, made) == []
    assert used.get(made["name"]) == made
    listed = list(used.names(1))
    assert len(listed) == len(set(listed))
    assert {made["name"], other["name"]} <= set(listed)
    if "patch" in used.kind.verbs:
        _patched(used, made)
    if "delete" in used.kind.verbs:
        used.delete(made["name"])
        for call in (used.get, used.delete):
            with google_refusal(404, "NOT_FOUND"):
                call(made["name"])
        assert made["name"] not in list(used.names(100))


def _patched(used: Used, made: dict[str, Any]) -> None:
    change = dict(used.kind.change)
    (mask, *_) = change
    sent = {**made, **change} if used.kind.version == "v3" else change
    after = used.patch(made["name"], sent, mask)
    assert after[mask] == change[mask]
    assert used.get(made["name"]) == after
    assert after.get("createTime") == made.get("createTime")
    assert after["name"] == made["name"]


def test_what_is_refused(used: Used, given: str) -> None:
    """Protects: an unknown field, a name that is taken, a mask that names nothing."""
    with google_refusal(400, "INVALID_ARGUMENT", "nope"):
        used.create(given, nope=1)
    made = used.create(given)
    if used.kind.is_named_by_client:
        with google_refusal(409, "ALREADY_EXISTS"):
            used.create(given)
    if "patch" in used.kind.verbs and used.kind.path != "projects.dashboards":
        with google_refusal(400, "INVALID_ARGUMENT"):
            used.patch(made["name"], dict(used.kind.change), "nope")


def test_a_stale_etag_is_refused(used: Used, given: str) -> None:
    """Protects: who changes what another changed in between is told so, and nothing is lost."""
    made = used.create(given)
    if "etag" not in made or "patch" not in used.kind.verbs:
        assert used.kind.service not in ("iam", "run")
        return
    (mask, *_) = used.kind.change
    used.patch(made["name"], {**used.kind.change, "etag": made["etag"]}, mask)
    with google_refusal(409, "ABORTED"):
        used.patch(made["name"], {**used.kind.change, "etag": made["etag"]}, mask)


def test_every_row_of_the_table_has_a_case() -> None:
    """Protects: no kind is added without the tests above, and no row without a service that serves it."""
    sections = tomllib.loads(TABLE.read_text())
    rows = {f"{section}.{kind}": row for section, kinds in sections.items() for kind, row in kinds.items()}
    tried = {f"{case.service}.{case.path}" for case in KINDS}
    assert {name for name, row in rows.items() if row["methods"] not in tried} == ELSEWHERE
    assert set(sections) == {service.section for service in services() if service.section and service.table == TABLE}
