"""A Cloud Storage on loopback for the jobs' tests, looked at by the official client."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from infra.localcloud.gcp.storage.store import Store
from tests.localcloud.gcp.storage.server import serving


@dataclass(frozen=True)
class Bucket:
    """One bucket, with the variables by which a job finds the cloud that it is in."""

    name: str
    environment: dict[str, str]
    bucket: Any

    def uri(self, *parts: str) -> str:
        """Return an address in it."""
        return "/".join((f"gs://{self.name}", *parts))

    def put(self, name: str, content: bytes) -> None:
        """Make an object."""
        self.bucket.blob(name).upload_from_string(content)

    def put_folder(self, name: str, folder: Path) -> None:
        """Make an object of each file of a folder."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.bucket.blob(f"{name}/{path.relative_to(folder)}").upload_from_filename(str(path))

    def names(self, prefix: str = "") -> list[str]:
        """Return the names of all objects below a prefix."""
        return sorted(blob.name for blob in self.bucket.list_blobs(prefix=prefix))

    def content(self, name: str) -> bytes:
        """Return what an object holds."""
        found: bytes = self.bucket.blob(name).download_as_bytes()
        return found


@contextmanager
def bucket(folder: Path, name: str = "stile-data") -> Iterator[Bucket]:
    """Serve a Cloud Storage with one bucket until the block ends."""
    with serving(Store(folder)) as address:
        environment = {"STORAGE_EMULATOR_HOST": address}
        options = {"api_endpoint": address}
        client = storage.Client("stile-local", AnonymousCredentials(), client_options=options)  # type: ignore[no-untyped-call]
        try:
            yield Bucket(name, environment, client.create_bucket(name))
        finally:
            client.close()
