"""Objects by the official client: bytes and checksums, metadata, ranges, generations, preconditions, holds."""

import base64
import gzip
import hashlib
import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from google.api_core import exceptions

BYTES = b"The quick brown fox jumps over the lazy dog"


def test_bytes_metadata_and_checksums_come_back(client: Any, bucket: Any) -> None:
    """The official client verifies both checksums of each download by itself."""
    blob = bucket.blob("runs/1/model.skops")
    blob.metadata = {"sha256": "ab", "ümläut": "wörth"}
    blob.cache_control, blob.content_language, blob.content_disposition = "no-store", "en", "attachment"
    blob.custom_time = datetime(2026, 11, 23, tzinfo=UTC)
    blob.upload_from_string(BYTES, content_type="text/x-fox")
    read = bucket.get_blob("runs/1/model.skops")
    assert (read.size, read.content_type, read.metadata) == (43, "text/x-fox", {"sha256": "ab", "ümläut": "wörth"})
    assert (read.cache_control, read.content_language, read.content_disposition) == ("no-store", "en", "attachment")
    assert read.custom_time == blob.custom_time
    assert (read.crc32c, read.md5_hash) == ("ImIEBA==", base64.b64encode(hashlib.md5(BYTES).digest()).decode())
    assert (read.generation, read.metageneration, read.storage_class) == (blob.generation, 1, "STANDARD")
    for checksum in ("crc32c", "md5", None):
        assert read.download_as_bytes(checksum=checksum) == BYTES
    assert client.bucket(bucket.name).blob("runs/1/model.skops").download_as_bytes() == BYTES
    assert read.exists()
    assert not bucket.blob("runs").exists()


def test_links_lead_back_with_the_generation(bucket: Any, address: str) -> None:
    """The official client downloads from the link that it was given."""
    blob = bucket.blob("a/b c%2F")
    blob.upload_from_string("x")
    name = quote("a/b c%2F", safe="")
    assert (
        blob.media_link
        == f"{address}/download/storage/v1/b/{bucket.name}/o/{name}?generation={blob.generation}&alt=media"
    )
    assert httpx.get(blob.media_link).content == b"x"
    assert httpx.get(blob.self_link).json()["id"] == f"{bucket.name}/a/b c%2F/{blob.generation}"
    assert httpx.get(blob.self_link, params={"alt": "media"}).content == b"x"


@pytest.mark.parametrize(
    ("wanted", "status", "content", "part"),
    [
        ("bytes=0-8", 206, BYTES[:9], "bytes 0-8/43"),
        ("bytes=10-", 206, BYTES[10:], "bytes 10-42/43"),
        ("bytes=-3", 206, b"dog", "bytes 40-42/43"),
        ("bytes=-99", 206, BYTES, "bytes 0-42/43"),
        ("bytes=40-99", 206, b"dog", "bytes 40-42/43"),
        ("bytes=43-", 416, b"Request range not satisfiable", "bytes */43"),
        ("bytes=-0", 416, b"Request range not satisfiable", "bytes */43"),
        ("bytes=5-4", 200, BYTES, None),
        ("bytes=0-1,3-4", 200, BYTES, None),
        ("lines=1-2", 200, BYTES, None),
    ],
)
def test_ranges(http: httpx.Client, bucket: Any, wanted: str, status: int, content: bytes, part: str | None) -> None:
    bucket.blob("fox").upload_from_string(BYTES)
    answer = http.get(f"/download/storage/v1/b/{bucket.name}/o/fox", params={"alt": "media"}, headers={"Range": wanted})
    assert (answer.status_code, answer.content, answer.headers.get("content-range")) == (status, content, part)
    assert answer.headers["content-length"] == str(len(content))


def test_the_client_reads_a_part(bucket: Any) -> None:
    bucket.blob("fox").upload_from_string(BYTES)
    assert bucket.blob("fox").download_as_bytes(start=4, end=8) == b"quick"
    with bucket.blob("fox").open("rb", chunk_size=256 * 1024) as reader:
        reader.seek(16)
        assert reader.read(3) == b"fox"


def test_an_empty_object(http: httpx.Client, bucket: Any) -> None:
    blob = bucket.blob("empty")
    blob.upload_from_string(b"")
    assert (blob.size, blob.crc32c, blob.md5_hash) == (0, "AAAAAA==", "1B2M2Y8AsgTpgAmY7PhCfg==")
    assert bucket.blob("empty").download_as_bytes() == b""
    path = f"/storage/v1/b/{bucket.name}/o/empty"
    assert http.get(path, params={"alt": "media"}, headers={"Range": "bytes=0-"}).status_code == 416


def test_packed_content_is_unpacked_for_those_who_do_not_take_it(http: httpx.Client, bucket: Any) -> None:
    """https://cloud.google.com/storage/docs/transcoding"""
    packed = gzip.compress(BYTES * 100_000) + gzip.compress(b"tail")
    blob = bucket.blob("packed")
    blob.content_encoding = "gzip"
    blob.upload_from_string(packed, content_type="text/plain")
    path = f"/storage/v1/b/{bucket.name}/o/packed"
    plain = http.get(path, params={"alt": "media"}, headers={"Accept-Encoding": "identity"})
    assert plain.content == BYTES * 100_000 + b"tail"
    assert "content-encoding" not in plain.headers
    assert plain.headers["x-goog-stored-content-encoding"] == "gzip"
    assert bucket.blob("packed").download_as_bytes(raw_download=True) == packed
    blob.cache_control = "no-transform"
    blob.patch()
    assert (
        http.get(path, params={"alt": "media"}, headers={"Accept-Encoding": "identity"}).headers["content-encoding"]
        == "gzip"
    )


def test_metadata_is_merged_by_patch_and_replaced_by_update(bucket: Any) -> None:
    blob = bucket.blob("x")
    blob.upload_from_string(BYTES, content_type="text/plain")
    blob.metadata = {"a": "1", "b": "2"}
    blob.patch()
    blob.metadata = {"a": None, "c": "3"}
    blob.patch()
    read = bucket.get_blob("x")
    assert (read.metadata, read.metageneration, read.generation) == ({"b": "2", "c": "3"}, 3, blob.generation)
    assert read.content_type == "text/plain"
    read.metadata = None
    read.content_language = "de"
    read.update()
    read = bucket.get_blob("x")
    assert (read.metadata, read.content_language, read.size) == (None, "de", 43)


def test_null_is_nothing_where_nothing_is_merged(http: httpx.Client, bucket: Any) -> None:
    bucket.blob("x").upload_from_string("x")
    path = f"/storage/v1/b/{bucket.name}/o/x"
    body = {"metadata": {"a": None, "b": "1"}, "contentLanguage": None, "contentType": "text/plain"}
    copied = http.post(f"{path}/rewriteTo/b/{bucket.name}/o/y", json=body).json()["resource"]
    assert (copied["metadata"], "contentLanguage" in copied) == ({"b": "1"}, False)
    assert http.put(path, json=body).json()["metadata"] == {"b": "1"}


def test_noncurrent_generations_stay_until_they_are_named(client: Any, bucket: Any) -> None:
    bucket.versioning_enabled = True
    bucket.patch()
    blob = bucket.blob("x")
    generations = []
    for content in ("one", "two", "three"):
        blob.upload_from_string(content)
        generations.append(blob.generation)
    assert generations == sorted(set(generations))
    bucket.blob("x").delete()
    assert bucket.get_blob("x") is None
    assert not list(client.list_blobs(bucket))
    listed = list(client.list_blobs(bucket, versions=True))
    assert [(one.name, one.generation) for one in listed] == [("x", generation) for generation in generations]
    assert all(one.time_deleted >= one.time_created for one in listed)
    assert bucket.blob("x", generation=generations[1]).download_as_bytes() == b"two"
    bucket.blob("x", generation=generations[1]).delete()
    assert bucket.get_blob("x", generation=generations[1]) is None
    bucket.copy_blob(bucket.blob("x"), bucket, "x", source_generation=generations[0])  # how one is restored
    assert bucket.blob("x").download_as_bytes() == b"one"
    assert len(list(client.list_blobs(bucket, versions=True))) == 3


def test_without_versions_what_is_overwritten_is_gone(bucket: Any, client: Any, store: Any) -> None:
    blob = bucket.blob("x")
    blob.upload_from_string("one")
    first = blob.generation
    blob.upload_from_string("two")
    assert bucket.get_blob("x", generation=first) is None
    assert [one.generation for one in client.list_blobs(bucket, versions=True)] == [blob.generation]
    file = store.object(bucket.name, "x").media.path
    bucket.blob("x").delete()
    assert not file.exists()


Act = Callable[[Any, dict[str, int]], Any]
ACTS: dict[str, Act] = {
    "upload": lambda bucket, wish: bucket.blob("x").upload_from_string("new", **wish),
    "resumable": lambda bucket, wish: bucket.blob("x").upload_from_file(io.BytesIO(b"new"), **wish),
    "patch": lambda bucket, wish: bucket.blob("x").patch(**wish),
    "update": lambda bucket, wish: bucket.blob("x").update(**wish),
    "delete": lambda bucket, wish: bucket.blob("x").delete(**wish),
    "compose": lambda bucket, wish: bucket.blob("x").compose([bucket.blob("y")], **wish),
    "copy": lambda bucket, wish: bucket.copy_blob(bucket.blob("y"), bucket, "x", **wish),
    "rewrite": lambda bucket, wish: bucket.blob("x").rewrite(bucket.blob("y"), **wish),
    "get": lambda bucket, wish: bucket.blob("x").reload(**wish),
    "download": lambda bucket, wish: bucket.blob("x").download_as_bytes(**wish),
}
NAMES = ("if_generation_match", "if_generation_not_match", "if_metageneration_match", "if_metageneration_not_match")
# compose takes no "not match" (https://cloud.google.com/storage/docs/json_api/v1/objects/compose)
PAIRS = [(act, name) for act in ACTS for name in NAMES if not (act == "compose" and "not" in name)]


@pytest.mark.parametrize(("act", "name"), PAIRS)
def test_every_verb_keeps_each_precondition(bucket: Any, act: str, name: str) -> None:
    """A precondition that a verb ignores would lose an update in the real cloud's place."""
    blob, source = bucket.blob("x"), bucket.blob("y")
    blob.upload_from_string("old")
    source.upload_from_string("source")
    actual = blob.generation if "_generation" in name else 1
    wrong, right = (actual + 1, actual) if "not" not in name else (actual, actual + 1)
    refusal = exceptions.NotModified if "not" in name and act in ("get", "download") else exceptions.PreconditionFailed
    with pytest.raises(refusal):
        ACTS[act](bucket, {name: wrong})
    read = bucket.get_blob("x")
    assert (read.generation, read.metageneration, read.download_as_bytes()) == (blob.generation, 1, b"old")
    ACTS[act](bucket, {name: right})
    after = bucket.get_blob("x")
    changed = act not in ("get", "download")
    assert ((after.generation, after.metageneration) if after else None) != (blob.generation, 1) or not changed


@pytest.mark.parametrize("act", ["upload", "resumable", "compose", "copy", "rewrite"])
def test_generation_0_stands_for_none(bucket: Any, act: str) -> None:
    bucket.blob("y").upload_from_string("source")
    ACTS[act](bucket, {"if_generation_match": 0})
    with pytest.raises(exceptions.PreconditionFailed):
        ACTS[act](bucket, {"if_generation_match": 0})


@pytest.mark.parametrize("name", NAMES)
def test_copies_keep_preconditions_on_the_source(bucket: Any, name: str) -> None:
    source = bucket.blob("y")
    source.upload_from_string("source")
    actual = source.generation if "_generation" in name else 1
    wish = {name.replace("if_", "if_source_"): actual if "not" in name else actual + 1}
    for act in ("copy", "rewrite"):
        with pytest.raises(exceptions.PreconditionFailed):
            ACTS[act](bucket, wish)
    assert bucket.get_blob("x") is None


def test_entity_tags(bucket: Any) -> None:
    blob = bucket.blob("x")
    blob.upload_from_string("x")
    with pytest.raises(exceptions.NotModified):
        bucket.blob("x").download_as_bytes(if_etag_not_match=blob.etag)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("x").reload(if_etag_match="other")
    blob.patch()
    assert bucket.blob("x").download_as_bytes(if_etag_match=blob.etag) == b"x"


@pytest.mark.parametrize("hold", ["temporary_hold", "event_based_hold"])
def test_holds_keep_an_object(bucket: Any, hold: str) -> None:
    blob = bucket.blob("x")
    blob.upload_from_string("x")
    setattr(blob, hold, True)
    blob.patch()
    for act in ("delete", "upload", "copy"):
        bucket.blob("y").upload_from_string("source")
        with pytest.raises(exceptions.Forbidden, match=r"active .* hold"):
            ACTS[act](bucket, {})
    setattr(blob, hold, False)
    blob.patch()
    blob.delete()


def test_the_key_of_the_bucket_or_of_the_request_is_shown(bucket: Any) -> None:
    ring = "projects/stile-local/locations/us-central1/keyRings/ring/cryptoKeys"
    bucket.default_kms_key_name = f"{ring}/one"
    bucket.patch()
    blob = bucket.blob("x")
    blob.upload_from_string("x")
    assert blob.kms_key_name == f"{ring}/one/cryptoKeyVersions/1"
    other = bucket.blob("y", kms_key_name=f"{ring}/two")
    other.upload_from_string("y")
    assert other.kms_key_name == f"{ring}/two/cryptoKeyVersions/1"


def test_what_is_missing_is_told_in_googles_words(http: httpx.Client, bucket: Any) -> None:
    message = f"No such object: {bucket.name}/no/such"
    path = f"/b/{bucket.name}/o/no%2Fsuch"
    answer = http.get(f"/storage/v1{path}")
    assert answer.status_code == 404
    entry = {"message": message, "domain": "global", "reason": "notFound"}
    assert answer.json() == {"error": {"code": 404, "message": message, "errors": [entry]}}
    for prefix in ("/storage/v1", "/download/storage/v1"):
        media = http.get(prefix + path, params={"alt": "media"})
        assert (media.status_code, media.text, media.headers["content-type"]) == (
            404,
            message,
            "text/html; charset=UTF-8",
        )
    assert http.get(f"/storage/v1/b/{bucket.name}/o/no/such").status_code == 404


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        ("GET", "/storage/v1/b/{b}/notificationConfigs", 501),
        ("GET", "/storage/v1/b/{b}/acl", 501),
        ("GET", "/storage/v1/b/{b}/anywhereCaches", 501),
        ("GET", "/storage/v1/b/{b}/o?softDeleted=True", 501),
        ("POST", "/storage/v1/b/{b}/o", 400),
        ("GET", "/storage/v1/b/{b}/o?maxResults=x", 400),
        ("GET", "/storage/v1/b/{b}/o?maxResults=0", 400),
        ("GET", "/storage/v1/b/{b}/o?pageToken=!", 400),
        ("GET", "/storage/v1/b/{b}/o?prefiks=x", 400),
        ("GET", "/storage/v1/b/{b}/o?versions=perhaps", 400),
        ("GET", "/storage/v1/b/{b}/o/%FF", 400),
        ("GET", "/storage/v1/b", 400),
        ("GET", "/storage/v1/nothing", 404),
        ("PUT", "/storage/v1/b/{b}/o/x/compose", 405),
        ("GET", "/{b}/x?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Signature=ab", 501),
        ("PUT", "/{b}/x?GoogleAccessId=a&Expires=1&Signature=ab", 501),
        ("POST", "/upload/storage/v1/b/{b}/o?uploadType=pigeon", 400),
        ("POST", "/upload/storage/v1/b/{b}/o?uploadType=media", 400),
        ("POST", "/upload/storage/v1/b/{b}/o?uploadType=media&name=x&predefinedAcl=publicRead", 501),
        ("POST", "/upload/storage/v1/b/no-such-bucket/o?uploadType=media&name=x", 404),
        ("POST", "/upload/storage/v1/b/{b}/o?uploadType=multipart", 400),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused(http: httpx.Client, bucket: Any, verb: str, path: str, status: int) -> None:
    answer = http.request(verb, path.format(b=bucket.name), content=b"" if verb == "GET" else b"text")
    if answer.status_code == 400 and status != 400:
        answer = http.request(verb, path.format(b=bucket.name))
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == status
