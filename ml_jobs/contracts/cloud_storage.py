"""Folders of a job, fetched from Cloud Storage and left there.

By Google's plain client: it streams in chunks, goes on after an error where it was, and asks under the same
credentials, and at the same address, as all else of a job. pyarrow.fs has credentials and an emulator's address of its
own, and a FUSE mount (/gcs) exists in some of Vertex AI's containers only.
"""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from ml_jobs.contracts.google_apis import RETRIES, client, told
from ml_jobs.errors import JobError

CHUNK_BYTES = 8 * 1024 * 1024
"""A multiple of 256 KiB, as resumable uploads ask."""


def download(uri: str, folder: Path) -> int:
    """Copy all objects below a gs:// URI into a folder, checked against their digests; return how many.

    The URI names a folder, or one object, which keeps its name.

    Raises:
        JobError: there is nothing, Cloud Storage refuses, or what came is not what lies there.
    """
    bucket, prefix = split(uri)
    count = 0
    with told(uri), client("storage", "v1") as storage:
        for item in _objects(storage, bucket, prefix):
            target = folder / _inside(item["name"], prefix)
            target.parent.mkdir(parents=True, exist_ok=True)
            _fetch(storage, bucket, item, target)
            count += 1
    if count == 0:
        raise JobError(f"{uri} holds nothing")
    return count


def read(uri: str) -> bytes | None:
    """Return the content of one object, without looking at others; None where there is none.

    Raises:
        JobError: Cloud Storage refuses.
    """
    from googleapiclient.errors import HttpError

    bucket, name = split(uri)
    with told(uri), client("storage", "v1") as storage:
        try:
            content: bytes = storage.objects().get_media(bucket=bucket, object=name).execute(num_retries=RETRIES)
        except HttpError as error:
            if error.resp.status != 404:
                raise
            return None
    return content


def upload(folder: Path, uri: str) -> int:
    """Copy all files of a folder below a gs:// URI; return how many.

    Raises:
        JobError: Cloud Storage refuses.
    """
    bucket, prefix = split(uri)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    with client("storage", "v1") as storage:
        for path in files:
            name = f"{prefix.rstrip('/')}/{path.relative_to(folder).as_posix()}".lstrip("/")
            with told(f"gs://{bucket}/{name}"):
                _put(storage, bucket, name, path)
    return len(files)


def split(uri: str) -> tuple[str, str]:
    """Take a gs:// URI apart into bucket and name.

    Raises:
        JobError: it is another.
    """
    parts = urlsplit(uri)
    if parts.scheme != "gs" or not parts.netloc:
        raise JobError(f"{uri!r} is no address in Cloud Storage; such are gs://<bucket>/<folder>")
    return parts.netloc, uri.removeprefix(f"gs://{parts.netloc}").lstrip("/")


def _objects(storage: Any, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a folder, or the one object of exactly that name."""
    start = f"{prefix.rstrip('/')}/" if prefix else ""
    fields = "nextPageToken,items(name,size,md5Hash,generation)"
    request = storage.objects().list(bucket=bucket, prefix=prefix.rstrip("/"), fields=fields)
    while request is not None:
        page = request.execute(num_retries=RETRIES)
        for item in page.get("items", ()):
            name = item["name"]
            if not name.endswith("/") and (name.startswith(start) or name == prefix):
                yield item
        request = storage.objects().list_next(request, page)


def _inside(name: str, prefix: str) -> PurePosixPath:
    """Return where an object lands below the folder. Raises JobError for one that would leave it."""
    start = f"{prefix.rstrip('/')}/" if prefix else ""
    inside = PurePosixPath(name.removeprefix(start) if name.startswith(start) else name.rpartition("/")[2])
    if ".." in inside.parts or inside.is_absolute():
        raise JobError(f"the object {name!r} would land outside of the job's folder")
    return inside


def _fetch(storage: Any, bucket: str, item: dict[str, Any], target: Path) -> None:
    from googleapiclient.http import MediaIoBaseDownload

    # Of the generation that was listed: an object that is replaced meanwhile is not read half old and half new.
    request = storage.objects().get_media(bucket=bucket, object=item["name"], generation=item["generation"])
    with target.open("wb") as file:
        stream = MediaIoBaseDownload(file, request, chunksize=CHUNK_BYTES)
        done = False
        while not done:
            _, done = stream.next_chunk(num_retries=RETRIES)
    if "md5Hash" in item and item["md5Hash"] != _md5(target):  # composed objects have none
        raise JobError(f"gs://{bucket}/{item['name']} did not arrive as it lies there")


def _put(storage: Any, bucket: str, name: str, path: Path) -> None:
    from googleapiclient.http import MediaFileUpload

    # Always by a session: what is sent again after an error is the same upload, where a second one would overwrite an
    # object that the first had made, which a job's account may not.
    media = MediaFileUpload(str(path), mimetype="application/octet-stream", chunksize=CHUNK_BYTES, resumable=True)
    # With its digest: an object that arrives otherwise is refused.
    body = {"name": name, "md5Hash": _md5(path)}
    storage.objects().insert(bucket=bucket, body=body, media_body=media).execute(num_retries=RETRIES)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return base64.b64encode(digest.digest()).decode("ascii")
