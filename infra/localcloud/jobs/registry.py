"""Reads images from a registry over the OCI distribution API, every digest verified."""

import hashlib
import json
import platform
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
CHUNK_BYTES = 1 << 20
_REFERENCE = re.compile(
    r"(?P<host>[^/]+)/(?P<name>[a-z0-9][a-z0-9._/-]*?)(?::(?P<tag>[\w][\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


class ImageError(Exception):
    """An image cannot be had: its name is no reference, it is not there, or its content is not what its digest says."""


@dataclass(frozen=True)
class Reference:
    """An image's name taken apart; `digest` wins over `tag`."""

    host: str
    name: str
    tag: str | None
    digest: str | None

    @classmethod
    def parse(cls, image: str) -> "Reference":
        """Take an image's URI apart; neither tag nor digest means `latest`. Raises ImageError."""
        match = _REFERENCE.fullmatch(image)
        if match is None:
            raise ImageError(f"{image!r} is no image reference: write host/name:tag or host/name@sha256:...")
        return cls(**match.groupdict())

    @property
    def version(self) -> str:
        """What the registry is asked for."""
        return self.digest or self.tag or "latest"


@dataclass(frozen=True)
class Manifest:
    """One platform's image: its digest, its config (OCI's, parsed), and its layers' digests from the lowest up."""

    digest: str
    config: Mapping[str, Any]
    layers: tuple[str, ...]


class Registry:
    """The registry on loopback in which every image of the local cloud is, whatever host its name says."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._pool = urllib3.PoolManager(maxsize=8, retries=urllib3.Retry(total=2, backoff_factor=0.1))

    def manifest(self, reference: Reference) -> Manifest:
        """Read the manifest of this machine's platform and its config. Raises ImageError."""
        digest, content = self._manifest(reference, reference.version)
        if content.get("mediaType") in INDEXES or "manifests" in content:
            digest, content = self._manifest(reference, _own_platform(reference, content))
        config = json.loads(self._small_blob(reference, content["config"]["digest"]))
        return Manifest(digest, config, tuple(layer["digest"] for layer in content["layers"]))

    def save_blob(self, reference: Reference, digest: str, path: Path) -> None:
        """Write a blob to a file. Raises ImageError when its content has another digest."""
        seen = hashlib.sha256()
        with path.open("wb") as file:
            for chunk in self._blob(reference, digest):
                seen.update(chunk)
                file.write(chunk)
        _verify(digest, seen.hexdigest(), reference)

    def _small_blob(self, reference: Reference, digest: str) -> bytes:
        content = b"".join(self._blob(reference, digest))
        _verify(digest, hashlib.sha256(content).hexdigest(), reference)
        return content

    def _manifest(self, reference: Reference, version: str) -> tuple[str, dict[str, Any]]:
        url = f"{self._url}/v2/{reference.name}/manifests/{version}"
        response = self._get(url, reference, {"Accept": ", ".join((*MANIFESTS, *INDEXES))})
        content = response.data
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if version.startswith("sha256:"):
            _verify(version, digest.removeprefix("sha256:"), reference)
        parsed: dict[str, Any] = json.loads(content)
        return digest, parsed

    def _blob(self, reference: Reference, digest: str) -> Iterator[bytes]:
        url = f"{self._url}/v2/{reference.name}/blobs/{digest}"
        response = self._get(url, reference, {}, preload_content=False)
        try:
            yield from response.stream(CHUNK_BYTES, decode_content=False)
        finally:
            response.release_conn()

    def _get(
        self, url: str, reference: Reference, headers: dict[str, str], *, preload_content: bool = True
    ) -> urllib3.BaseHTTPResponse:
        try:
            response = self._pool.request("GET", url, headers=headers, preload_content=preload_content)
        except urllib3.exceptions.HTTPError as error:
            raise ImageError(f"the registry of {reference.name} does not answer: {error}") from error
        if response.status != 200:
            raise ImageError(f"{reference.name}:{reference.version} is not in the registry (HTTP {response.status})")
        return response


def _own_platform(reference: Reference, index: Mapping[str, Any]) -> str:
    architecture = ARCHITECTURES.get(platform.machine(), platform.machine())
    offered = [(entry.get("platform", {}), entry["digest"]) for entry in index["manifests"]]
    for wanted, digest in offered:
        if wanted.get("os") == "linux" and wanted.get("architecture") == architecture:
            return str(digest)
    raise ImageError(f"{reference.name} has no image for linux/{architecture}")


def _verify(digest: str, seen: str, reference: Reference) -> None:
    if digest != f"sha256:{seen}":
        raise ImageError(f"{reference.name}: {digest} holds something else (sha256:{seen})")
