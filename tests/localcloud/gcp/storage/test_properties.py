"""What holds for any name, range or request: names come back, ranges are slices, and there is no 5xx but 501."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from infra.localcloud.gcp.routes import Routes
from infra.localcloud.gcp.storage.service import HANDLERS

ANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
# Every name that Google takes: no line ends, no halves of characters, at most 1024 bytes.
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1, max_size=40).filter(
    lambda name: name not in (".", "..")
)
CONTENT = bytes(range(256)) * 3


@ANY
@given(name=NAMES, content=st.binary(max_size=20))
@example(name="a/../b", content=b"")
@example(name="/", content=b"")
@example(name="a//b/", content=b"")
@example(name="%2F%252F?#&=+ ;:@\x00", content=b"")
@example(name="o/x/compose", content=b"")
@example(name="ä" * 512, content=b"")
def test_any_name_comes_back(store: Any, client: Any, http: httpx.Client, name: str, content: bytes) -> None:
    bucket = client.bucket("any-names")
    if "any-names" not in store.buckets:
        client.create_bucket(bucket)
    blob = bucket.blob(name)
    blob.metadata = {"key": name}
    blob.upload_from_string(content)
    found = bucket.get_blob(name)
    assert (found.name, found.metadata) == (name, {"key": name})
    assert found.download_as_bytes() == bucket.blob(name).download_as_bytes() == content
    assert [one.name for one in client.list_blobs(bucket, prefix=name, max_results=1)] == [name]
    assert (
        http.get(f"/storage/v1/b/any-names/o/{quote(name, safe='')}").json()["id"]
        == f"any-names/{name}/{found.generation}"
    )
    copy = bucket.copy_blob(found, bucket, f"copy of {name}"[:500])
    assert copy.download_as_bytes() == content
    found.delete()
    assert not bucket.blob(name).exists()


@pytest.mark.parametrize("name", ["a\nb", "a\rb", ".", "..", "x" * 1025, "ä" * 513, ".well-known/acme-challenge/x"])
def test_names_that_google_does_not_take(http: httpx.Client, bucket: Any, name: str) -> None:
    query = {"uploadType": "media", "name": name}
    answer = http.post(f"/upload/storage/v1/b/{bucket.name}/o", params=query, content=b"x")
    assert answer.status_code == 400
    assert not list(bucket.list_blobs())


@ANY
@given(first=st.integers(0, 900), last=st.integers(0, 900) | st.none(), suffix=st.booleans())
def test_any_range_is_a_slice(
    store: Any, client: Any, http: httpx.Client, first: int, last: int | None, suffix: bool
) -> None:
    if "any-ranges" not in store.buckets:
        client.create_bucket("any-ranges").blob("x").upload_from_string(CONTENT)
    wanted = f"bytes=-{first}" if suffix else f"bytes={first}-{'' if last is None else last}"
    answer = http.get("/download/storage/v1/b/any-ranges/o/x", params={"alt": "media"}, headers={"Range": wanted})
    if suffix:
        expected = CONTENT[-first:] if first else b""
    elif last is not None and last < first:
        assert (answer.status_code, answer.content) == (200, CONTENT)
        return
    else:
        expected = CONTENT[first:] if last is None else CONTENT[first : last + 1]
    assert (answer.status_code, answer.content) == ((206, expected) if expected else (416, answer.content))


ROUTES = Routes(("storage.v1",))
METHODS = sorted([method for methods in ROUTES.by_id.values() for method in methods], key=lambda method: method.id)
DONE = [method for method in METHODS if method.id in HANDLERS and method.verb_name != "lockRetentionPolicy"]
WILD = st.one_of(st.none(), st.booleans(), st.integers(-(2**65), 2**65), st.text(max_size=5), st.floats(), st.just([]))
WORDS = ["any-request", "x", "STANDARD", "Delete", "roles/storage.admin", "allUsers", "a/", "2026-11-23T00:00:00Z", ""]
NUMBERS = ["0", "1", "2", "1795456381637498", "-1", "99999999999999999999"]
HEADERS = {
    "Range": ["bytes=0-", "bytes=5-", "bytes=-0", "x"],
    "Content-Range": ["bytes 0-0/1", "bytes */*", "bytes 1-0/0", "x"],
    "If-None-Match": ["*", "CAE=", ""],
    "X-Goog-Hash": ["crc32c=x", "md5", ","],
}


def values(facts: Mapping[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that a schema allows, and now and then one that it does not."""
    if "$ref" in facts:
        return values(ROUTES.documents["storage.v1"].schemas[facts["$ref"]], depth)
    kind = facts.get("type")
    if kind == "boolean":
        fitting: st.SearchStrategy[Any] = st.booleans()
    elif kind == "integer" or facts.get("format") in ("int64", "uint64"):
        fitting = st.sampled_from(NUMBERS)
    elif kind == "array":
        fitting = st.lists(values(facts["items"], depth + 1), max_size=2)
    elif kind == "object" and depth < 4:
        known = {name: values(inner, depth + 1) for name, inner in facts.get("properties", {}).items()}
        rest = values(facts.get("additionalProperties", {}), depth + 1)
        fitting = st.dictionaries(st.sampled_from(["a", "b"]), rest) if not known else _some(known)
    else:
        fitting = st.sampled_from(WORDS)
    return st.integers(0, 19).flatmap(lambda number: fitting if number else WILD)


def _some(known: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    names = st.lists(st.sampled_from(sorted(known)), max_size=3, unique=True)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({name: known[name] for name in chosen}))


@st.composite
def requests(draw: st.DrawFn) -> httpx.Request:
    """Requests to any method, mostly to those that are done, with parameters and bodies of its own."""
    method = draw(st.sampled_from(DONE) if draw(st.integers(0, 9)) else st.sampled_from(METHODS))
    path, query = method.path, {}
    for name, facts in method.parameters.items():
        if facts["location"] == "path":
            path = path.replace(
                "{" + name + "}", draw(st.sampled_from(["any-request", "x"])) if "ucket" not in name else "any-request"
            )
        elif facts.get("required") or draw(st.integers(0, 9)) == 0:
            query[name] = str(draw(values(facts)))
    query |= draw(
        st.dictionaries(
            st.sampled_from(["fields", "alt", "other"]), st.sampled_from(["media", "a(b", "items/x,"]), max_size=1
        )
    )
    headers = {name: draw(st.sampled_from(given)) for name, given in HEADERS.items() if draw(st.integers(0, 9)) == 0}
    if method.id == "storage.buckets.delete":
        query["ifMetagenerationMatch"] = "77"
    prefix = "http://any/"
    if method.id == "storage.objects.insert":
        prefix += "upload/"
        query |= {"uploadType": draw(st.sampled_from(["media", "multipart", "resumable"]))}
    content = json.dumps(draw(values({"$ref": method.request}))) if method.request else ""
    return httpx.Request(method.verb, prefix + path, params=query, content=content, headers=headers)


@settings(parent=ANY, max_examples=150)
@given(request=requests())
def test_no_request_is_answered_with_5xx_but_501(
    store: Any, client: Any, http: httpx.Client, request: httpx.Request
) -> None:
    """The provider plugin repeats a request that got 5xx for twenty minutes: a fault of ours would look like a hang."""
    if "any-request" not in store.buckets:
        client.create_bucket("any-request")
    client.bucket("any-request").blob("x").upload_from_string("x")
    answer = http.request(
        request.method,
        request.url.raw_path.decode(),
        content=request.content,
        headers={name: request.headers[name] for name in HEADERS if name in request.headers},
    )
    assert answer.status_code < 500 or answer.status_code == 501, answer.text
