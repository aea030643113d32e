"""What all services of the local Google Cloud have in common, tried on KMS with plain requests and Google's client."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from googleapiclient.errors import HttpError

from tests.localcloud.gcp.serving import PLACE, PROJECT, Served

_COUNT = itertools.count()


def fresh(kind: str) -> str:
    """Return a name that no other test uses."""
    return f"{kind}-{next(_COUNT)}"


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Return the HTTP status and Google's status of a refusal."""
    error = answer.json()["error"]
    assert error["code"] == answer.status_code
    return answer.status_code, error["status"]


@pytest.fixture
def ring(gcp: Served) -> str:
    name = fresh("ring")
    assert gcp.http.post(f"/v1/{PLACE}/keyRings", params={"keyRingId": name}).status_code == 200
    return f"{PLACE}/keyRings/{name}"


@pytest.fixture
def key(gcp: Served, ring: str) -> str:
    body = {"purpose": "ENCRYPT_DECRYPT", "labels": {"tier": "gold"}}
    answer = gcp.http.post(f"/v1/{ring}/cryptoKeys", params={"cryptoKeyId": "key"}, json=body)
    assert answer.status_code == 200
    return f"{ring}/cryptoKeys/key"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"purpose": "ENCRYPT_DECRYPT", "nope": 1}, "nope"),
        ({"purpose": "ENCRYPT_DECRYPT", "versionTemplate": {"nope": 1}}, "versionTemplate.nope"),
        ({"purpose": "NOPE"}, "purpose"),
        ({"purpose": 99}, "purpose"),
        ({"purpose": "ENCRYPT_DECRYPT", "labels": []}, "labels"),
        ({"purpose": "ENCRYPT_DECRYPT", "labels": {"a": 1}}, "labels.a"),
        ({"purpose": "ENCRYPT_DECRYPT", "rotationPeriod": "a day"}, "rotationPeriod"),
        ({"purpose": "ENCRYPT_DECRYPT", "nextRotationTime": "tomorrow"}, "nextRotationTime"),
        ({"purpose": "ENCRYPT_DECRYPT", "importOnly": 3}, "importOnly"),
    ],
)
def test_a_body_that_does_not_fit_is_refused_with_the_path(
    gcp: Served, ring: str, body: dict[str, Any], field: str
) -> None:
    """Protects: what a real API refuses is refused here, in Google's words, before anything is made."""
    answer = gcp.http.post(f"/v1/{ring}/cryptoKeys", params={"cryptoKeyId": "bad"}, json=body)
    assert refusal(answer) == (400, "INVALID_ARGUMENT")
    (detail,) = answer.json()["error"]["details"]
    assert [violation["field"] for violation in detail["fieldViolations"]] == [field]
    assert gcp.http.get(f"/v1/{ring}/cryptoKeys/bad").status_code == 404


def test_query_parameters_are_checked(gcp: Served) -> None:
    """Protects: an unknown or missing query parameter is refused; both spellings of a known one are taken."""
    path = f"/v1/{PLACE}/keyRings"
    assert refusal(gcp.http.post(path, params={"keyRingId": fresh("q"), "nope": 1})) == (400, "INVALID_ARGUMENT")
    assert refusal(gcp.http.get(path, params={"pageSize": "many"})) == (400, "INVALID_ARGUMENT")
    assert gcp.http.post(path, params={"key_ring_id": fresh("q"), "alt": "json", "$alt": "json"}).status_code == 200


def test_requests_may_be_written_as_protobuf_allows(gcp: Served, ring: str) -> None:
    """Protects: Google's clients send enums as numbers, snake_case names and nulls; answers have one form."""
    body = {"purpose": 1, "version_template": {"protection_level": 1, "algorithm": None}, "importOnly": None}
    made = gcp.http.post(f"/v1/{ring}/cryptoKeys", params={"cryptoKeyId": "forms"}, json=body).json()
    assert made["purpose"] == "ENCRYPT_DECRYPT"
    assert made["versionTemplate"] == {"protectionLevel": "SOFTWARE", "algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION"}


def test_what_is_not_there_and_what_is_taken(gcp: Served, ring: str) -> None:
    """Protects: 404 for a resource or a parent that does not exist, 409 ALREADY_EXISTS for a name in use."""
    assert refusal(gcp.http.get(f"/v1/{PLACE}/keyRings/nope")) == (404, "NOT_FOUND")
    below = gcp.http.post(
        f"/v1/{PLACE}/keyRings/nope/cryptoKeys", params={"cryptoKeyId": "k"}, json={"purpose": "ENCRYPT_DECRYPT"}
    )
    assert refusal(below) == (404, "NOT_FOUND")
    again = gcp.http.post(f"/v1/{PLACE}/keyRings", params={"keyRingId": ring.rpartition("/")[2]})
    assert refusal(again) == (409, "ALREADY_EXISTS")


def test_every_other_method_is_unimplemented_by_name(gcp: Served) -> None:
    """Protects: what the local cloud does not do never looks like success, and says which method it is."""
    answer = gcp.http.get(f"/v1/{PLACE}/keyHandles")
    assert refusal(answer) == (501, "UNIMPLEMENTED")
    assert "cloudkms.projects.locations.keyHandles.list" in answer.json()["error"]["message"]
    assert refusal(gcp.http.get("/v1/nothing/of/the/kind")) == (404, "NOT_FOUND")


def test_masks_change_only_what_they_name(gcp: Served, key: str) -> None:
    """Protects: updateMask in camelCase and snake_case, clearing by a mask without a value, a wrong mask refused."""

    def patch(mask: str, body: dict[str, Any]) -> httpx.Response:
        return gcp.http.patch(f"/v1/{key}", params={"updateMask": mask}, json=body)

    later = "2030-01-01T00:00:00Z"
    changed = patch("labels", {"labels": {"tier": "silver"}, "rotationPeriod": "7776000s"}).json()
    assert changed["labels"] == {"tier": "silver"}
    assert "rotationPeriod" not in changed
    sent = {"rotationPeriod": "7776000s", "nextRotationTime": later}
    assert patch("rotation_period,next_rotation_time", sent).json()["rotationPeriod"] == "7776000s"
    cleared = patch("rotationPeriod,nextRotationTime", {}).json()
    assert "rotationPeriod" not in cleared
    assert cleared["labels"] == {"tier": "silver"}
    assert refusal(patch("nope", {})) == (400, "INVALID_ARGUMENT")
    assert refusal(patch("purpose", {"purpose": "MAC"})) == (400, "INVALID_ARGUMENT")


def test_output_only_fields_are_the_servers(gcp: Served, key: str) -> None:
    """Protects: what the client sends back of the server's own fields changes nothing."""
    before = gcp.http.get(f"/v1/{key}").json()
    sent = {**before, "createTime": "2001-01-01T00:00:00Z", "primary": {"state": "DESTROYED"}, "labels": {"a": "b"}}
    after = gcp.http.patch(f"/v1/{key}", params={"updateMask": "labels,createTime,primary"}, json=sent).json()
    assert after == {**before, "labels": {"a": "b"}}


def test_pages_stay_right_and_tokens_are_checked(gcp: Served) -> None:
    """Protects: all resources come once, in pages of the size asked for, by Google's own client."""
    parent = f"{PROJECT}/locations/paged"
    rings = gcp.client("cloudkms", "v1").projects().locations().keyRings()
    for number in range(7):
        rings.create(parent=parent, keyRingId=f"r{number}", body={}).execute()
    seen: list[str] = []
    request, sizes = rings.list(parent=parent, pageSize=3), []
    while request is not None:
        answer = request.execute()
        sizes.append(len(answer["keyRings"]))
        seen += [ring["name"].rpartition("/")[2] for ring in answer["keyRings"]]
        request = rings.list_next(request, answer)
    assert (sizes, seen) == ([3, 3, 1], [f"r{number}" for number in range(7)])
    with pytest.raises(HttpError, match="page token"):
        rings.list(parent=parent, pageToken="nope").execute()
    token = rings.list(parent=parent, pageSize=3).execute()["nextPageToken"]
    with pytest.raises(HttpError, match="page token"):
        rings.list(parent=parent, pageToken=token, filter="name:r").execute()


def test_filters_are_understood_or_refused(gcp: Served, ring: str) -> None:
    """Protects: a filter is never ignored."""
    keys = gcp.client("cloudkms", "v1").projects().locations().keyRings().cryptoKeys()
    for name, tier in (("a", "gold"), ("b", "silver")):
        keys.create(
            parent=ring, cryptoKeyId=name, body={"purpose": "ENCRYPT_DECRYPT", "labels": {"tier": tier}}
        ).execute()

    def names(text: str) -> list[str]:
        answer = keys.list(parent=ring, filter=text).execute()
        return [one["name"].rpartition("/")[2] for one in answer.get("cryptoKeys", [])]

    assert names("labels.tier=gold") == ["a"]
    assert names('labels.tier="gold" AND purpose=ENCRYPT_DECRYPT') == ["a"]
    assert names("NOT labels.tier=gold") == ["b"]
    assert names("labels.tier!=gold AND labels.other:*") == []
    assert names("labels:tier") == ["a", "b"]
    with pytest.raises(HttpError) as raised:
        names("labels.tier=gold OR labels.tier=silver")
    assert raised.value.resp.status == 501


def test_a_question_that_is_too_long_for_an_address_is_asked_in_a_body(gcp: Served, ring: str) -> None:
    """Protects: Google's client sends long reads as POST, with the method in a header and the query as a form."""
    keys = gcp.client("cloudkms", "v1").projects().locations().keyRings().cryptoKeys()
    keys.create(parent=ring, cryptoKeyId="long", body={"purpose": "ENCRYPT_DECRYPT", "labels": {"a": "b"}}).execute()
    for tier, found in (("b", 1), ("c", 0)):
        asked = " AND ".join([f"labels.a={tier}"] * 200)
        assert len(keys.list(parent=ring, filter=asked).execute().get("cryptoKeys", [])) == found


def test_of_racing_creators_one_wins(gcp: Served) -> None:
    """Protects: the store is safe for threads; a name is given once."""
    name = fresh("race")

    def create(_: int) -> int:
        return httpx.post(
            f"{gcp.cloud.endpoint_url}/v1/{PLACE}/keyRings", params={"keyRingId": name}, trust_env=False
        ).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(create, range(8))) == [200] + [409] * 7


def test_of_racing_changes_none_is_lost(gcp: Served, key: str) -> None:
    """Protects: changes of one resource happen one after the other."""

    def change(number: int) -> int:
        url = f"{gcp.cloud.endpoint_url}/v1/{key}"
        body = {"labels": {f"l{number}": "x"}}
        return httpx.patch(url, params={"updateMask": f"labels.l{number}"}, json=body, trust_env=False).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(change, range(20))) == {200}
    assert len(gcp.http.get(f"/v1/{key}").json()["labels"]) == 21


def test_the_journal_has_every_change_in_order(gcp: Served, key: str) -> None:
    """Protects: tests can look at every state that a resource was in, with the values that changed."""
    for tier in ("silver", "silver", "bronze"):
        gcp.http.patch(f"/v1/{key}", params={"updateMask": "labels"}, json={"labels": {"tier": tier}})
    entries = gcp.http.get("/_stile/journal", params={"name": key}).json()["transitions"]
    assert [(one["what"], one["changed"].get("labels")) for one in entries] == [
        ("created", {"tier": "gold"}),
        ("changed", {"tier": "silver"}),
        ("changed", {"tier": "bronze"}),
    ]
    assert [one["number"] for one in entries] == sorted(one["number"] for one in entries)


def test_partial_answers(gcp: Served, key: str) -> None:
    """Protects: the system parameter `fields`."""
    assert gcp.http.get(f"/v1/{key}", params={"fields": "name,primary/state"}).json() == {
        "name": key,
        "primary": {"state": "ENABLED"},
    }


def test_a_projects_number_names_the_project(gcp: Served, key: str) -> None:
    """Protects: clients that put the project's number into names find the same resources."""
    by_number = key.replace("projects/stile-local", "projects/100000000000")
    assert gcp.http.get(f"/v1/{by_number}").json()["name"] == key


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"{}x"])
def test_bodies_that_are_no_objects_are_refused(gcp: Served, ring: str, body: bytes) -> None:
    """Protects: whatever is sent, the answer is Google's error and never a failure of ours."""
    answer = gcp.http.post(f"/v1/{ring}/cryptoKeys", params={"cryptoKeyId": "x"}, content=body)
    assert refusal(answer) == (400, "INVALID_ARGUMENT")


def test_kms_encrypts_for_real(gcp: Served, key: str, ring: str) -> None:
    """Protects: only the key that encrypted decrypts, and no longer once its version's destruction is scheduled."""
    keys = gcp.client("cloudkms", "v1").projects().locations().keyRings().cryptoKeys()
    sealed = keys.encrypt(name=key, body={"plaintext": "c2VjcmV0"}).execute()["ciphertext"]
    assert keys.decrypt(name=key, body={"ciphertext": sealed}).execute()["plaintext"] == "c2VjcmV0"
    other = keys.create(parent=ring, cryptoKeyId="other", body={"purpose": "ENCRYPT_DECRYPT"}).execute()
    refused: list[Callable[[], Any]] = [lambda: keys.decrypt(name=other["name"], body={"ciphertext": sealed}).execute()]
    version = keys.cryptoKeyVersions().destroy(name=f"{key}/cryptoKeyVersions/1", body={}).execute()
    assert version["state"] == "DESTROY_SCHEDULED"
    refused.append(lambda: keys.decrypt(name=key, body={"ciphertext": sealed}).execute())
    for call in refused:
        with pytest.raises(HttpError) as raised:
            call()
        assert raised.value.resp.status == 400
