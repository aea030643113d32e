"""The images of the registry on loopback, as ECR sees them."""

import hashlib
import json
import os
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

import urllib3

from infra.localcloud.aws.ecr.pushes import PUSHES
from infra.localcloud.aws.failures import Refusal

ACCEPTED = ", ".join(
    (
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)


@dataclass(frozen=True)
class Manifest:
    """One manifest as the registry holds it."""

    digest: str
    media_type: str
    body: bytes

    @property
    def size_bytes(self) -> int:
        """The size of the image's config and layers, as ECR counts it."""
        content = json.loads(self.body)
        parts = [content["config"], *content["layers"]] if "layers" in content else content.get("manifests", [])
        return sum(part["size"] for part in parts)


@dataclass
class Image:
    """One image of a repository, with all its tags."""

    manifest: Manifest
    pushed_at: datetime
    tags: list[str] = field(default_factory=list)


@cache
def _pool() -> urllib3.PoolManager:
    return urllib3.PoolManager()


def url() -> str:
    """Where the registry answers."""
    return os.environ["STILE_REGISTRY_URL"]


def digest_of(body: bytes) -> str:
    """Return the digest under which a manifest is known."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def manifest(repository: str, reference: str) -> Manifest | None:
    """Return the manifest of a tag or digest, None if the registry has none."""
    answer = _ask("GET", repository, reference)
    if answer.status == 404:
        return None
    _require_success(answer, f"reading {repository}:{reference}")
    return Manifest(digest_of(answer.data), answer.headers["Content-Type"], answer.data)


def put(repository: str, reference: str, media_type: str, body: bytes) -> None:
    """Store a manifest under a tag or its digest."""
    answer = _ask("PUT", repository, reference, body=body, content_type=media_type)
    _require_success(answer, f"storing {repository}:{reference}")


def images(repository: str) -> list[Image]:
    """Return a repository's images, the first pushed first."""
    mark = PUSHES.next_mark()
    _pool().request("GET", f"{url()}/v2/?mark={mark}")
    PUSHES.settle(mark)
    found: dict[str, Image] = {}
    for reference, pushed_at in PUSHES.of(repository).items():
        stored = manifest(repository, reference)
        if stored is None:
            PUSHES.forget(repository, reference)
            continue
        image = found.setdefault(stored.digest, Image(stored, pushed_at))
        image.pushed_at = min(image.pushed_at, pushed_at)
        if reference != stored.digest:
            image.tags.append(reference)
    return sorted(found.values(), key=lambda image: image.pushed_at)


def delete(repository: str, image: Image) -> None:
    """Delete an image with all its tags."""
    for reference in (*image.tags, image.manifest.digest):
        delete_reference(repository, reference)


def delete_reference(repository: str, reference: str) -> None:
    """Delete a tag, or what is stored under a digest."""
    answer = _ask("DELETE", repository, reference)
    if answer.status != 404:
        _require_success(answer, f"deleting {repository}:{reference}")
    PUSHES.forget(repository, reference)


def _ask(
    method: str, repository: str, reference: str, *, body: bytes | None = None, content_type: str | None = None
) -> urllib3.BaseHTTPResponse:
    headers = {"Accept": ACCEPTED} | ({"Content-Type": content_type} if content_type else {})
    return _pool().request(method, f"{url()}/v2/{repository}/manifests/{reference}", body=body, headers=headers)


def _require_success(answer: urllib3.BaseHTTPResponse, doing: str) -> None:
    if answer.status >= 300:
        raise Refusal("ServerException", f"The container registry answered {answer.status} to {doing}.", 500)
