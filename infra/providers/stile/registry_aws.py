"""Amazon ECR: where images of a repository are pushed, with which token, and how they are deleted."""

import re
from base64 import b64decode
from dataclasses import dataclass
from typing import Any, Final

from infra.providers.kit.resource import PluginError
from infra.providers.stile.registry import Repository

# source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html
_URL: Final = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(-fips)?\.(?P<region>[a-z0-9-]+)\.(amazonaws\.com(\.cn)?|on\.aws)/(?P<name>.+)"
)


@dataclass(frozen=True)
class RepositoryUrl:
    """The parts of a repository's URL."""

    account: str
    region: str
    name: str


def parse(repository_url: str) -> RepositoryUrl | None:
    """Return the parts of an ECR repository's URL, None if it is none."""
    found = _URL.fullmatch(repository_url)
    return RepositoryUrl(found["account"], found["region"], found["name"]) if found else None


def open_repository(repository_url: str) -> Repository:
    """Ask ECR where to push, and for a token. Raises PluginError for another URL, or if ECR refuses."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    url = parse(repository_url)
    if url is None:
        raise PluginError(f"{repository_url} is no repository of Amazon ECR or Artifact Registry")
    ecr = boto3.client("ecr", region_name=url.region)
    try:
        answer = ecr.get_authorization_token()
    except (BotoCoreError, ClientError) as error:
        raise PluginError(f"Amazon ECR in {url.region} gives no token: {error}") from error
    granted = answer["authorizationData"][0]
    user, _, password = b64decode(granted["authorizationToken"]).decode().partition(":")
    return Repository(
        endpoint=granted["proxyEndpoint"].rstrip("/"),
        name=url.name,
        remove=lambda images: _remove(ecr, url, images),
        user=user,
        password=password,
    )


def _remove(ecr: Any, url: RepositoryUrl, images: list[str]) -> None:
    """Delete images by digest or tag; one that is gone, or a repository that is, needs no deleting."""
    from botocore.exceptions import BotoCoreError, ClientError

    ids = [{"imageDigest" if image.startswith("sha256:") else "imageTag": image} for image in images]
    try:
        answer = ecr.batch_delete_image(registryId=url.account, repositoryName=url.name, imageIds=ids)
    except ecr.exceptions.RepositoryNotFoundException:
        return
    except (BotoCoreError, ClientError) as error:
        raise PluginError(f"{', '.join(images)} cannot be deleted from {url.name}: {error}") from error
    failures = [failure for failure in answer.get("failures", []) if failure.get("failureCode") != "ImageNotFound"]
    if failures:
        said = "; ".join(f"{failure.get('failureCode')}: {failure.get('failureReason')}" for failure in failures)
        raise PluginError(f"images cannot be deleted from {url.name}: {said}")
