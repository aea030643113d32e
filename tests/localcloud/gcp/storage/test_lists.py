"""Lists of objects: prefixes, delimiters, offsets, globs and pages, held against a plain model of what Google says."""

from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NAMES = ["a", "a/", "a/b", "a/b/c", "a/d", "a0", "b/x/y", "b/x/z", "c", "ä/ö", "z%2Fz", "z/z"]


@pytest.fixture
def filled(bucket: Any) -> Any:
    """A bucket with all these names."""
    for name in NAMES:
        bucket.blob(name).upload_from_string(name)
    return bucket


def test_everything_in_the_order_of_bytes(client: Any, filled: Any) -> None:
    assert [blob.name for blob in client.list_blobs(filled)] == sorted(NAMES, key=str.encode)


def test_folders_are_rolled_up(client: Any, filled: Any) -> None:
    listed = client.list_blobs(filled, prefix="a", delimiter="/")
    assert [blob.name for blob in listed] == ["a", "a0"]
    assert listed.prefixes == {"a/"}
    inside = client.list_blobs(filled, prefix="a/", delimiter="/")
    assert [blob.name for blob in inside] == ["a/", "a/b", "a/d"]
    assert inside.prefixes == {"a/b/"}
    trailing = client.list_blobs(filled, delimiter="/", include_trailing_delimiter=True, prefix="a")
    assert [blob.name for blob in trailing] == ["a", "a/", "a0"]


def test_offsets(client: Any, filled: Any) -> None:
    assert [blob.name for blob in client.list_blobs(filled, start_offset="a/d", end_offset="b/x/z")] == [
        "a/d",
        "a0",
        "b/x/y",
    ]


@pytest.mark.parametrize(
    ("glob", "found"),
    [
        ("a/*", ["a/", "a/b", "a/d"]),
        ("**/z", ["b/x/z", "z/z"]),
        ("a/**", ["a/", "a/b", "a/b/c", "a/d"]),
        ("?", ["a", "c"]),
        ("[a-b]", ["a"]),
        ("[!a]", ["c"]),
        ("b/x/{y,z}", ["b/x/y", "b/x/z"]),
        ("z%*", ["z%2Fz"]),
    ],
)
def test_globs(client: Any, filled: Any, glob: str, found: list[str]) -> None:
    """https://cloud.google.com/storage/docs/json_api/v1/objects/list#list-objects-and-prefixes-using-glob"""
    assert [blob.name for blob in client.list_blobs(filled, match_glob=glob)] == found


def test_a_glob_that_cannot_be_read(http: httpx.Client, bucket: Any) -> None:
    assert http.get(f"/storage/v1/b/{bucket.name}/o", params={"matchGlob": "{a"}).status_code == 400
    assert http.get(f"/storage/v1/b/{bucket.name}/o", params={"matchGlob": "[z-a]"}).status_code == 400


def test_pages_hold_while_objects_come_and_go(client: Any, http: httpx.Client, filled: Any) -> None:
    """What is there all the time is listed exactly once."""
    path, seen, token = f"/storage/v1/b/{filled.name}/o", [], ""
    while True:
        page = http.get(path, params={"maxResults": 2, "pageToken": token}).json()
        seen += [item["name"] for item in page["items"]]
        if (token := page.get("nextPageToken", "")) == "":
            break
        filled.blob(seen[-1]).delete()
        filled.blob("0").upload_from_string("before every page")
    assert seen == sorted(NAMES, key=str.encode)


def test_fields_of_a_list(http: httpx.Client, filled: Any) -> None:
    """Lists of folders ask so, to save what they do not need."""
    query = {"fields": "items(name,size),prefixes,nextPageToken", "delimiter": "/", "maxResults": "2"}
    page = http.get(f"/storage/v1/b/{filled.name}/o", params=query).json()
    assert page["items"] == [{"name": "a", "size": "1"}]
    assert page["prefixes"] == ["a/"]
    assert set(page) == {"items", "prefixes", "nextPageToken"}


WORDS = st.text("ab/", max_size=5)


def expected(names: set[str], prefix: str, delimiter: str) -> list[str]:
    """The entries of a list, worked out plainly."""
    entries = set()
    for name in names:
        if name.startswith(prefix):
            head, found, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
            entries.add(prefix + head + found if found else name)
    return sorted(entries)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(
    names=st.sets(WORDS.filter(bool), max_size=12),
    prefix=WORDS,
    delimiter=st.sampled_from(["", "/", "ab"]),
    size=st.integers(1, 4),
)
def test_pages_together_are_the_whole_list(
    client: Any, http: httpx.Client, store: Any, names: set[str], prefix: str, delimiter: str, size: int
) -> None:
    bucket = client.create_bucket(f"listed-{store.new_generation()}")
    for name in names:
        query = {"uploadType": "media", "name": name}
        assert http.post(f"/upload/storage/v1/b/{bucket.name}/o", params=query, content=b"x").status_code == 200
    seen, token = [], ""
    while True:
        query = {"prefix": prefix, "delimiter": delimiter, "maxResults": str(size), "pageToken": token}
        page = http.get(f"/storage/v1/b/{bucket.name}/o", params=query).json()
        entries = sorted([item["name"] for item in page.get("items", [])] + page.get("prefixes", []))
        assert len(entries) <= size
        seen += entries
        if (token := page.get("nextPageToken", "")) == "":
            break
        assert len(entries) == size
    assert seen == expected(names, prefix, delimiter)
