"""Moves files between a job's folders and an object store, under the job's own credentials."""

import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Protocol
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError


class TransferError(Exception):
    """An object store refused, or holds nothing where something was asked for."""


class ObjectStore(Protocol):
    """Where inputs come from and outputs go to; every method raises TransferError."""

    def download(self, uri: str, folder: Path, *, may_be_empty: bool = False) -> int:
        """Copy all objects whose key starts with the URI's into a folder; return how many (at least 1, unless told)."""
        ...

    def upload_file(self, file: Path, uri: str, key: str | None) -> None:
        """Copy one file to the object of that URI, encrypted with a key if one is named."""
        ...

    def upload_folder(self, folder: Path, uri: str, key: str | None) -> int:
        """Copy all files of a folder below a URI; return how many."""
        ...


class S3Store:
    """S3, through a boto3 client that carries the job role's credentials."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def download(self, uri: str, folder: Path, *, may_be_empty: bool = False) -> int:
        """Copy the objects of a prefix, as SageMaker's data type S3Prefix does."""
        bucket, prefix = split(uri)
        count = 0
        try:
            for key in self._keys(bucket, prefix):
                target = folder / relative(key, prefix)
                target.parent.mkdir(parents=True, exist_ok=True)
                # Not by boto3's download: that asks for the object's head first, whose refusal gives no reason.
                with target.open("wb") as file:
                    shutil.copyfileobj(self._client.get_object(Bucket=bucket, Key=key)["Body"], file)
                count += 1
        except (ClientError, BotoCoreError) as error:
            raise TransferError(f"{uri}: {error}") from error
        if count == 0 and not may_be_empty:
            raise TransferError(f'No S3 objects found under S3 URL "{uri}" given in input data source')
        return count

    def upload_file(self, file: Path, uri: str, key: str | None) -> None:
        """Copy one file."""
        bucket, name = split(uri)
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else None
        try:
            self._client.upload_file(str(file), bucket, name, ExtraArgs=encryption)
        except (ClientError, BotoCoreError) as error:
            raise TransferError(f"{uri}: {error}") from error
        except Exception as error:
            if type(error).__name__ != "S3UploadFailedError":  # boto3's own; boto3 itself is not imported here
                raise
            raise TransferError(f"{uri}: {error}") from error

    def upload_folder(self, folder: Path, uri: str, key: str | None) -> int:
        """Copy a folder's files; links that lead out of it are left out."""
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
        for path in files:
            self.upload_file(path, f"{uri.rstrip('/')}/{path.relative_to(folder).as_posix()}", key)
        return len(files)

    def _keys(self, bucket: str, prefix: str) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            yield from (item["Key"] for item in page.get("Contents", ()) if not item["Key"].endswith("/"))


def split(uri: str) -> tuple[str, str]:
    """Take an s3:// URI apart into bucket and key. Raises TransferError for anything else."""
    parts = urlsplit(uri)
    if parts.scheme != "s3" or not parts.netloc:
        raise TransferError(f"{uri!r} is no S3 URI")
    return parts.netloc, parts.path.lstrip("/")


def relative(key: str, prefix: str) -> PurePosixPath:
    """Return where an object lands below the folder of its prefix. Raises TransferError for a key that would leave it.

    `data/a/x.csv` of the prefixes `data/a`, `data/a/` and `data/a/x.csv` is `x.csv`; of `data` it is `a/x.csv`;
    a prefix that ends amid a name counts up to its last slash.
    """
    folder = prefix.rstrip("/") + "/"
    if key.startswith(folder) and prefix:
        inside = PurePosixPath(key.removeprefix(folder))
    else:
        inside = PurePosixPath(key.removeprefix(prefix[: prefix.rfind("/") + 1]))
    if ".." in inside.parts or inside.is_absolute():
        raise TransferError(f"the object {key!r} would land outside of the job's folder")
    return inside
