"""What Vertex AI itself reads and writes in Cloud Storage: folders of models, and the files of batch predictions."""

import io
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from googleapiclient.errors import HttpError
from googleapiclient.http import MediaIoBaseUpload

from infra.localcloud.gcp.vertex.job_cloud import PLATFORM_TOKEN, client
from infra.localcloud.jobs.transfer import TransferError

BINARY = "application/octet-stream"


@dataclass(frozen=True)
class Objects:
    """Cloud Storage at one address, for the holder of a token. Every method raises TransferError.

    It is an ObjectStore of the job runner, too, but jobs on Vertex AI move their files themselves.
    """

    endpoint_url: str
    token: str = PLATFORM_TOKEN

    def names(self, uri: str) -> list[str]:
        """Return the names of the objects in a folder, or of the one object that the URI names."""
        bucket, prefix = split(uri)
        with self._service() as storage, _told(uri):
            found = list(_listed(storage, bucket, prefix.rstrip("/")))
        return [name for name in found if name == prefix or not prefix or name.startswith(f"{prefix.rstrip('/')}/")]

    def beginning(self, uri: str) -> list[str]:
        """Return the names of the objects that begin as the URI's."""
        bucket, prefix = split(uri)
        with self._service() as storage, _told(uri):
            return list(_listed(storage, bucket, prefix))

    def read(self, uri: str) -> bytes:
        """Return an object's bytes."""
        bucket, name = split(uri)
        with self._service() as storage, _told(uri):
            content: bytes = storage.objects().get_media(bucket=bucket, object=name).execute()
        return content

    def write(self, uri: str, content: bytes, content_type: str = BINARY) -> None:
        """Write an object."""
        bucket, name = split(uri)
        media = MediaIoBaseUpload(io.BytesIO(content), content_type)
        with self._service() as storage, _told(uri):
            storage.objects().insert(bucket=bucket, body={"name": name}, media_body=media).execute()

    def copy(self, uri: str, target: str) -> int:
        """Copy the objects of a folder below another URI; return how many."""
        bucket, prefix = split(uri)
        own_bucket, own_prefix = split(target)
        names = self.names(uri)
        with self._service() as storage, _told(uri):
            for name in names:
                inside = name[len(prefix.rstrip("/")) :].lstrip("/") or name.rpartition("/")[2]
                storage.objects().rewrite(
                    sourceBucket=bucket,
                    sourceObject=name,
                    destinationBucket=own_bucket,
                    destinationObject=f"{own_prefix.rstrip('/')}/{inside}",
                    body={},
                ).execute()
        return len(names)

    def download(self, uri: str, folder: Path, *, may_be_empty: bool = False) -> int:
        """Refuse: a job on Vertex AI fetches its inputs itself."""
        raise NotImplementedError(f"{uri}: Vertex AI brings a container no files")

    def upload_file(self, file: Path, uri: str, key: str | None) -> None:
        """Refuse: a job on Vertex AI leaves its outputs itself."""
        raise NotImplementedError(f"{uri}: Vertex AI takes no files from a container")

    def upload_folder(self, folder: Path, uri: str, key: str | None) -> int:
        """Refuse: a job on Vertex AI leaves its outputs itself."""
        raise NotImplementedError(f"{uri}: Vertex AI takes no files from a container")

    def _service(self) -> "closing[Any]":
        return closing(client(self.endpoint_url, "storage", "v1", self.token))


def split(uri: str) -> tuple[str, str]:
    """Take a gs:// URI apart into bucket and name. Raises TransferError for anything else."""
    parts = urlsplit(uri)
    if parts.scheme != "gs" or not parts.netloc:
        raise TransferError(f"{uri!r} is no Cloud Storage URI")
    return parts.netloc, uri.removeprefix(f"gs://{parts.netloc}").lstrip("/")


def _listed(storage: Any, bucket: str, prefix: str) -> Iterator[str]:
    request = storage.objects().list(bucket=bucket, prefix=prefix, fields="nextPageToken,items(name)")
    while request is not None:
        page = request.execute()
        yield from (item["name"] for item in page.get("items", ()) if not item["name"].endswith("/"))
        request = storage.objects().list_next(request, page)


@contextmanager
def _told(uri: str) -> Iterator[None]:
    """Turn the client's errors into one that says what was asked for."""
    try:
        yield
    except HttpError as error:
        raise TransferError(f"{uri}: {error.resp.status} {error.reason}") from error
