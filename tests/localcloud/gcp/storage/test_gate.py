"""The permission gate: every act asks for its permission first, and does nothing without it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.localcloud.gcp.storage.store import Store
from tests.localcloud.gcp.storage.server import serving

BUCKET, OBJECT = "projects/_/buckets/gated", "projects/_/buckets/gated/objects/x/y"
BASE, ITEM = "/storage/v1/b/gated", "/storage/v1/b/gated/o/x%2Fy"
UPLOAD = "/upload/storage/v1/b/gated/o"
RESUMABLE = f"{UPLOAD}?uploadType=resumable&name=x/y"
KEY = "projects/p/locations/l/keyRings/r/cryptoKeys/k"
TARGET = "projects/_/buckets/gated/objects/new"
# Verb, path, body, and what each act asks for, as Google's documents say
# (https://cloud.google.com/storage/docs/access-control/iam-json).
GET, UPDATE, DELETE = "storage.objects.get", "storage.objects.update", "storage.objects.delete"
READ, CHANGE, CREATE = "storage.buckets.get", "storage.buckets.update", "storage.objects.create"
Asked = list[tuple[str, str]]
ACTS: list[tuple[str, str, Any, Asked]] = [
    ("GET", "/storage/v1/b?project=p", None, [("storage.buckets.list", "projects/p")]),
    ("POST", "/storage/v1/b?project=p", {"name": "other"}, [("storage.buckets.create", "projects/p")]),
    ("GET", BASE, None, [(READ, BUCKET)]),
    ("PATCH", BASE, {"labels": {"a": "b"}}, [(READ, BUCKET), (CHANGE, BUCKET)]),
    ("PUT", BASE, {}, [(READ, BUCKET), (CHANGE, BUCKET)]),
    ("DELETE", BASE, None, [("storage.buckets.delete", BUCKET)]),
    ("GET", f"{BASE}/iam", None, [("storage.buckets.getIamPolicy", BUCKET)]),
    ("PUT", f"{BASE}/iam", {"bindings": []}, [("storage.buckets.setIamPolicy", BUCKET)]),
    ("GET", f"{BASE}/o", None, [("storage.objects.list", BUCKET)]),
    ("GET", ITEM, None, [(GET, OBJECT)]),
    ("GET", f"{ITEM}?alt=media", None, [(GET, OBJECT)]),
    ("GET", f"/download{ITEM}", None, [(GET, OBJECT)]),
    ("PATCH", ITEM, {}, [(GET, OBJECT), (UPDATE, OBJECT)]),
    ("PUT", ITEM, {}, [(GET, OBJECT), (UPDATE, OBJECT)]),
    ("DELETE", ITEM, None, [(DELETE, OBJECT)]),
    ("POST", f"{UPLOAD}?uploadType=media&name=new", None, [(CREATE, TARGET)]),
    ("POST", f"{UPLOAD}?uploadType=media&name=x/y", None, [(CREATE, OBJECT), (DELETE, OBJECT)]),
    ("POST", RESUMABLE, None, [(CREATE, OBJECT), (DELETE, OBJECT)]),
    ("POST", f"{ITEM}/rewriteTo/b/gated/o/new", None, [(GET, OBJECT), (CREATE, TARGET)]),
    ("POST", f"{ITEM}/copyTo/b/gated/o/new", None, [(GET, OBJECT), (CREATE, TARGET)]),
    ("POST", f"{ITEM}/moveTo/o/new", None, [(GET, OBJECT), (DELETE, OBJECT), (CREATE, TARGET)]),
    ("POST", f"{BASE}/o/new/compose", {"sourceObjects": [{"name": "x/y"}]}, [(CREATE, TARGET), (GET, OBJECT)]),
]
CASES = [pytest.param(act, missing, id=f"{act[0]} {act[1]} without {missing[0]}") for act in ACTS for missing in act[3]]


class Gate:
    """Notes what is asked, and says no to one thing."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, str, str]] = []
        self.missing: tuple[str, str] | None = None

    def __call__(self, token: str | None, permission: str, resource: str, **more: str) -> str | None:
        self.asked.append((token, permission, resource))
        return "job@stile-local.iam.gserviceaccount.com" if (permission, resource) == self.missing else None


@pytest.fixture(scope="module")
def gate() -> Gate:
    return Gate()


@pytest.fixture(scope="module")
def server(gate: Gate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Store]]:
    store = Store(Path(tmp_path_factory.mktemp("gated")), gate)
    with serving(store) as url, httpx.Client(base_url=url, headers={"Authorization": "Bearer of-a-job"}) as http:
        yield http, store


@pytest.fixture
def fresh(gate: Gate, server: tuple[httpx.Client, Store]) -> httpx.Client:
    """A bucket with one object, and a gate that has forgotten all."""
    http, store = server
    gate.missing = None
    store.buckets.clear()
    http.post("/storage/v1/b?project=p", json={"name": "gated"}).raise_for_status()
    http.post(f"{UPLOAD}?uploadType=media&name=x/y", content=b"old").raise_for_status()
    gate.asked.clear()
    return http


@pytest.mark.parametrize("act", ACTS, ids=lambda act: f"{act[0]} {act[1]}")
def test_what_each_act_asks_for(fresh: httpx.Client, gate: Gate, act: tuple[str, str, Any, Asked]) -> None:
    verb, path, body, wanted = act
    assert fresh.request(verb, path, json=body).status_code in (200, 204, 409)
    asked = list(dict.fromkeys(gate.asked))
    assert asked == [("of-a-job", permission, resource) for permission, resource in wanted]


@pytest.mark.parametrize(("act", "missing"), CASES)
def test_nothing_happens_without_a_permission(
    fresh: httpx.Client, gate: Gate, act: tuple[str, str, Any, Asked], missing: tuple[str, str]
) -> None:
    verb, path, body, _ = act
    before = _everything(fresh)
    gate.missing = missing
    answer = fresh.request(verb, path, json=body)
    gate.missing = None
    assert answer.status_code == 403
    assert f"job@stile-local.iam.gserviceaccount.com does not have {missing[0]} access" in answer.text
    assert f"Permission '{missing[0]}' denied on resource (or it may not exist)." in answer.text
    assert _everything(fresh) == before


def _everything(http: httpx.Client) -> list[Any]:
    paths = (BASE, f"{BASE}/o?versions=true", f"{BASE}/iam", "/storage/v1/b?project=p")
    return [http.get(path).json() for path in paths] + [http.get(f"{ITEM}?alt=media").content]


def test_a_batch_asks_for_each_of_its_calls(fresh: httpx.Client, gate: Gate) -> None:
    gate.missing = ("storage.objects.delete", OBJECT)
    body = f"--b\r\nContent-Type: application/http\r\n\r\nDELETE {ITEM} HTTP/1.1\r\n\r\n\r\n--b--"
    answer = fresh.post("/batch/storage/v1", content=body, headers={"Content-Type": "multipart/mixed; boundary=b"})
    assert (answer.status_code, "HTTP/1.1 403" in answer.text) == (200, True)
    assert gate.asked == [("of-a-job", "storage.objects.delete", OBJECT)]


def test_permissions_that_are_asked_for_are_those_that_the_gate_knows(fresh: httpx.Client, gate: Gate) -> None:
    gate.missing = ("storage.buckets.delete", BUCKET)
    query = {"permissions": ["storage.buckets.delete", "storage.buckets.get"]}
    assert fresh.get(f"{BASE}/iam/testPermissions", params=query).json()["permissions"] == ["storage.buckets.get"]


ENCRYPT, DECRYPT = "cloudkms.cryptoKeyVersions.useToEncrypt", "cloudkms.cryptoKeyVersions.useToDecrypt"
AGENT = "serviceAccount:service-100000000000@gs-project-accounts.iam.gserviceaccount.com"
KEYED = {"encryption": {"defaultKmsKeyName": KEY}}


def test_a_key_must_be_granted_to_the_service_agent(fresh: httpx.Client, gate: Gate) -> None:
    """Without it no bucket takes the key (https://cloud.google.com/storage/docs/encryption/customer-managed-keys)."""
    gate.missing = (ENCRYPT, KEY)
    answer = fresh.patch(BASE, json=KEYED)
    assert answer.status_code == 403
    assert "Permission denied on Cloud KMS key" in answer.json()["error"]["message"]
    assert (AGENT, ENCRYPT, KEY) in gate.asked
    assert "encryption" not in fresh.get(BASE).json()


def test_a_grant_that_was_taken_back_stops_writers_and_readers(
    fresh: httpx.Client, gate: Gate, server: tuple[httpx.Client, Store]
) -> None:
    fresh.patch(BASE, json=KEYED).raise_for_status()
    fresh.post(f"{UPLOAD}?uploadType=media&name=keyed", content=b"x").raise_for_status()
    item, files = f"{BASE}/o/keyed", {*server[1]._media.iterdir()}
    gate.missing = (ENCRYPT, KEY)
    assert fresh.post(f"{UPLOAD}?uploadType=media&name=new", content=b"x").status_code == 403
    assert fresh.post(f"{item}/rewriteTo/b/gated/o/new").status_code == 403
    assert fresh.get(f"{item}?alt=media").content == b"x"
    gate.missing = (DECRYPT, KEY)
    assert fresh.get(f"{item}?alt=media").status_code == 403
    assert fresh.post(f"{item}/rewriteTo/b/gated/o/new").status_code == 403
    assert fresh.post(f"{BASE}/o/new/compose", json={"sourceObjects": [{"name": "keyed"}]}).status_code == 403
    assert fresh.get(item).json()["kmsKeyName"] == f"{KEY}/cryptoKeyVersions/1"
    gate.missing = None
    assert {*server[1]._media.iterdir()} == files
    assert fresh.get(f"{BASE}/o/new").status_code == 404
