"""What Artifact Registry does with the images in its repositories, by Google's client."""

from urllib.parse import urlsplit

import httpx
import pytest

from tests.localcloud.gcp.cloud import google_refusal
from tests.localcloud.gcp.serving import PLACE, Served
from tests.localcloud.gcp.vertex.ground import run

REPOSITORY = f"{PLACE}/repositories/images-of-versions"
FOLDER = "stile-local/images-of-versions/team/hello"


@pytest.fixture
def digest(gcp: Served, crane: str) -> str:
    """An image with two tags, by its digest."""
    repositories = gcp.client("artifactregistry", "v1").projects().locations().repositories()
    repositories.create(parent=PLACE, repositoryId="images-of-versions", body={"format": "DOCKER"}).execute()
    host = urlsplit(gcp.cloud.registry_url).netloc
    for tag in ("1", "2"):
        run(crane, "copy", f"{host}/stile-local/images/hello:1", f"{host}/{FOLDER}:{tag}")
    return run(crane, "digest", f"{host}/{FOLDER}:1").strip()


def test_an_image_is_deleted_by_its_digest_and_with_tags_by_force_only(gcp: Served, digest: str) -> None:
    """Protects: an image that is deleted is gone for the registry, too; one that has a tag is not lost by mistake."""
    repositories = gcp.client("artifactregistry", "v1").projects().locations().repositories()
    versions = repositories.packages().versions()
    name = f"{REPOSITORY}/packages/team%2Fhello/versions/{digest}"
    with google_refusal(400, "FAILED_PRECONDITION", "is tagged (1, 2)", "set force"):
        versions.delete(name=name).execute()
    assert repositories.dockerImages().list(parent=REPOSITORY).execute()["dockerImages"][0]["tags"] == ["1", "2"]
    operation = versions.delete(name=name, force=True).execute()
    assert (operation["done"], "error" in operation) == (True, False)
    assert not repositories.dockerImages().list(parent=REPOSITORY).execute()["dockerImages"]
    for reference in ("1", "2", digest):
        url = f"{gcp.cloud.registry_url}/v2/{FOLDER}/manifests/{reference}"
        assert httpx.head(url, trust_env=False).status_code == 404
    with google_refusal(404, "NOT_FOUND", digest):
        versions.delete(name=name, force=True).execute()
