"""Objects made of objects by the official client: compose, copy, rewrite, move."""

import base64
from typing import Any

import google_crc32c
import httpx
import pytest
from google.api_core import exceptions


def blobs(bucket: Any, *contents: bytes) -> list[Any]:
    """Objects with these contents."""
    made = [bucket.blob(f"part-{number}") for number in range(len(contents))]
    for blob, content in zip(made, contents, strict=True):
        blob.upload_from_string(content, content_type="text/x-part")
    return made


def test_compose_joins_and_counts(bucket: Any) -> None:
    parts = blobs(bucket, b"one ", b"two ", b"three")
    whole = bucket.blob("whole")
    whole.content_type = "text/plain"
    whole.metadata = {"k": "v"}
    whole.compose(parts)
    read = bucket.get_blob("whole")
    assert read.download_as_bytes() == b"one two three"
    assert (read.component_count, read.md5_hash, read.metadata, read.content_type) == (
        3,
        None,
        {"k": "v"},
        "text/plain",
    )
    again = bucket.blob("again")
    again.compose([whole, parts[0]])
    assert (bucket.get_blob("again").component_count, again.download_as_bytes()) == (4, b"one two threeone ")
    whole.compose([whole, parts[0]])  # an object may be appended to
    assert bucket.get_blob("whole").download_as_bytes() == b"one two threeone "


def test_compose_keeps_generations_of_its_sources(bucket: Any) -> None:
    bucket.versioning_enabled = True
    bucket.patch()
    old = blobs(bucket, b"old")[0]
    bucket.blob(old.name).upload_from_string(b"new")
    bucket.blob("whole").compose([bucket.blob(old.name, generation=old.generation), bucket.blob(old.name)])
    assert bucket.blob("whole").download_as_bytes() == b"oldnew"
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("other").compose([bucket.blob(old.name)], if_source_generation_match=[old.generation])
    assert bucket.get_blob("other") is None


def test_compose_of_none_of_33_and_of_what_is_missing(bucket: Any) -> None:
    part = blobs(bucket, b"x")[0]
    with pytest.raises(exceptions.BadRequest, match="at least one source component"):
        bucket.blob("whole").compose([])
    with pytest.raises(exceptions.BadRequest, match=r"33\) exceeds the maximum \(32\)"):
        bucket.blob("whole").compose([part] * 33)
    with pytest.raises(exceptions.NotFound, match=r"No such object: .*/missing"):
        bucket.blob("whole").compose([part, bucket.blob("missing")])
    bucket.blob("whole").compose([part] * 32)
    assert bucket.get_blob("whole").size == 32


def test_what_was_composed_counts_its_checksum_anew(bucket: Any) -> None:
    bucket.blob("whole").compose(blobs(bucket, b"a" * 1000, b"b" * 2_000_000))
    told = base64.b64decode(bucket.get_blob("whole").crc32c)
    assert int.from_bytes(told, "big") == google_crc32c.extend(0, b"a" * 1000 + b"b" * 2_000_000)


def test_a_copy_is_an_object_of_its_own(client: Any, bucket: Any) -> None:
    source = blobs(bucket, b"content")[0]
    source.metadata = {"k": "v"}
    source.patch()
    other = client.create_bucket(f"{bucket.name}-other", location="EU")
    copy = bucket.copy_blob(source, other, "runs/copy")
    assert (copy.metadata, copy.content_type, copy.metageneration) == ({"k": "v"}, "text/x-part", 1)
    assert (copy.md5_hash, copy.crc32c) == (source.md5_hash, source.crc32c)
    assert copy.generation > source.generation
    source.delete()
    assert other.blob("runs/copy").download_as_bytes() == b"content"


def test_a_rewrite_replaces_metadata_when_some_is_given(bucket: Any) -> None:
    source = blobs(bucket, b"content")[0]
    plain = bucket.blob("plain")
    assert plain.rewrite(source) == (None, 7, 7)
    assert bucket.get_blob("plain").content_type == "text/x-part"
    own = bucket.blob("own")
    own.content_type = "text/own"
    own.metadata = {"new": "1"}
    own.rewrite(source)
    read = bucket.get_blob("own")
    assert (read.content_type, read.metadata, read.download_as_bytes()) == ("text/own", {"new": "1"}, b"content")


def test_a_rewrite_changes_storage_class_and_key(bucket: Any) -> None:
    blob = blobs(bucket, b"content")[0]
    generation = blob.generation
    blob.update_storage_class("COLDLINE")
    read = bucket.get_blob(blob.name)
    assert (read.storage_class, read.content_type) == ("COLDLINE", "text/x-part")
    assert read.generation > generation
    key = "projects/p/locations/l/keyRings/r/cryptoKeys/k"
    bucket.blob("keyed", kms_key_name=key).rewrite(blob)
    assert bucket.get_blob("keyed").kms_key_name == f"{key}/cryptoKeyVersions/1"


def test_the_storage_class_does_not_change_by_a_patch(http: httpx.Client, bucket: Any) -> None:
    blob = blobs(bucket, b"content")[0]
    path = f"/storage/v1/b/{bucket.name}/o/{blob.name}"
    assert http.patch(path, json={"storageClass": "COLDLINE"}).status_code == 400
    assert http.patch(path, json={"storageClass": "STANDARD"}).status_code == 200


def test_what_is_missing_is_not_copied(bucket: Any) -> None:
    with pytest.raises(exceptions.NotFound, match="No such object"):
        bucket.copy_blob(bucket.blob("missing"), bucket, "x")
    with pytest.raises(exceptions.NotFound, match="No such object"):
        bucket.blob("x").rewrite(bucket.blob("missing"))
    assert bucket.get_blob("x") is None


def test_a_move_is_a_copy_and_a_delete(bucket: Any) -> None:
    source = blobs(bucket, b"content")[0]
    moved = bucket.move_blob(source, "moved/here")
    assert bucket.get_blob(source.name) is None
    assert moved.download_as_bytes() == b"content"
    renamed = bucket.rename_blob(moved, "renamed")
    assert (bucket.get_blob("moved/here"), renamed.download_as_bytes()) == (None, b"content")


def test_files_of_copies_go_one_by_one(bucket: Any, store: Any) -> None:
    """Copies share their bytes on disk until the last one goes."""
    source = blobs(bucket, b"content")[0]
    bucket.copy_blob(source, bucket, "copy")
    files = [store.object(bucket.name, name).media.path for name in (source.name, "copy")]
    assert files[0].samefile(files[1])
    bucket.blob(source.name).delete()
    assert [file.exists() for file in files] == [False, True]
    bucket.blob("copy").delete()
    assert not files[1].exists()
