"""Artifact Registry: repositories, behind which the registry on loopback stands."""

from collections.abc import Iterator
from urllib.parse import unquote

import httpx

from infra.localcloud.gcp import policies
from infra.localcloud.gcp.call import Call, Cloud
from infra.localcloud.gcp.errors import Json, not_found, precondition
from infra.localcloud.gcp.operations import Operation, Outcome
from infra.localcloud.gcp.paging import page
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.store import Record

SERVICE = Service("artifactregistry.v1", section="artifactregistry")
REPOSITORIES = "artifactregistry.projects.locations.repositories"
GONE = 404


def _fill(call: Call, record: Record) -> None:
    words = record.name.split("/")
    host = call.cloud.registry_url.removeprefix("http://") or f"{words[3]}-docker.pkg.dev"
    record.body["registryUri"] = f"{host}/{words[1]}/{words[-1]}"


@SERVICE.method(f"{REPOSITORIES}.dockerImages.list")
def list_images(call: Call) -> Json:
    """Answer a page of the images, each tag's; what has a digest only is not listed, as the registry names none."""
    call.cloud.store.get(REPOSITORIES, call.name)
    records = [Record(body["name"], body) for body in _images(call.cloud, call.name)]
    found, token = page(records, call.query)
    return {"dockerImages": [record.body for record in found], **({"nextPageToken": token} if token else {})}


def _images(cloud: Cloud, repository: str) -> Iterator[Json]:
    """Yield the images that the registry on loopback has below a repository's path."""
    if not cloud.registry_url:
        return
    words = repository.split("/")
    below = f"{words[1]}/{words[-1]}/"
    with httpx.Client(base_url=cloud.registry_url, trust_env=False) as registry:
        names = registry.get("/v2/_catalog").raise_for_status().json()["repositories"]
        for name in (name for name in names if name.startswith(below)):
            tags: dict[str, list[str]] = {}
            for tag in registry.get(f"/v2/{name}/tags/list").raise_for_status().json()["tags"] or ():
                head = registry.head(f"/v2/{name}/manifests/{tag}").raise_for_status()
                tags.setdefault(head.headers["Docker-Content-Digest"], []).append(tag)
            for digest, held in tags.items():
                image = f"{name.removeprefix(below)}@{digest}"
                uri = f"{words[3]}-docker.pkg.dev/{below}{image}"
                yield {"name": f"{repository}/dockerImages/{image}", "uri": uri, "tags": held}


@SERVICE.method(f"{REPOSITORIES}.packages.versions.delete")
def delete_version(call: Call) -> Json:
    """Delete an image by its digest; with tags it goes by force only, as Google's method says."""
    repository, _, rest = call.name.partition("/packages/")
    package, _, digest = unquote(rest).partition("/versions/")
    call.cloud.store.get(REPOSITORIES, repository)
    image = f"{repository}/dockerImages/{package}@{digest}"
    tags = [tag for body in _images(call.cloud, repository) if body["name"] == image for tag in body["tags"]]
    if tags and not call.query.get("force"):
        raise precondition(f"{call.name} is tagged ({', '.join(tags)}): set force to delete it with its tags.")

    def work(_: Operation) -> Json:
        words = repository.split("/")
        below = f"/v2/{words[1]}/{words[-1]}/{package}/manifests"
        with httpx.Client(base_url=call.cloud.registry_url, trust_env=False) as registry:
            if registry.head(f"{below}/{digest}").status_code == GONE:
                raise not_found(call.name)
            for target in (*tags, digest):
                answer = registry.delete(f"{below}/{target}")
                if answer.status_code != GONE:  # with its last tag
                    answer.raise_for_status()
        return {}

    return call.cloud.operations.run(call.method, repository, Outcome(None), work)


def _empty(call: Call, record: Record) -> None:
    """A repository goes with its images."""
    images = list(_images(call.cloud, record.name))
    with httpx.Client(base_url=call.cloud.registry_url, trust_env=False) as registry:
        for image in images:
            name, _, digest = image["uri"].partition("/")[2].partition("@")
            for target in (*image["tags"], digest):
                answer = registry.delete(f"/v2/{name}/manifests/{target}")
                if answer.status_code != GONE:  # with its last tag
                    answer.raise_for_status()


SERVICE.hooks("repositories").filling = _fill
SERVICE.hooks("repositories").removing = _empty
policies.serve(SERVICE, REPOSITORIES)
