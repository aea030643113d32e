"""What protected resources hold on AWS, and how it is deleted: a full one is not deleted there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.clouds.aws_calls import Aws
from infra.engine.contents import Holding
from infra.engine.session import Session
from infra.errors import CloudError

DELETE_AT_ONCE = 1000  # S3 DeleteObjects takes at most so many
IMAGES_AT_ONCE = 100  # ECR BatchDeleteImage
GONE = ("NoSuchBucket", "RepositoryNotFoundException", "ResourceNotFound", "ResourceNotFoundException", "404")


@dataclass(frozen=True)
class Kind:
    """How one type of resource is counted and emptied.

    Attributes:
        service: the SDK's name of the service.
        items: yields what a resource of an id holds.
        delete: deletes some of those items.
        at_once: how many items `delete` takes.
        noun: what an item is called, in the plural.
    """

    service: str
    items: Callable[[Any, str], Iterator[Any]]
    delete: Callable[[Any, str, list[Any]], None]
    at_once: int
    noun: str


def _object_versions(client: Any, bucket: str) -> Iterator[dict[str, str]]:
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            yield {"Key": item["Key"], "VersionId": item["VersionId"]}


def _delete_objects(client: Any, bucket: str, items: list[Any]) -> None:
    answer = client.delete_objects(Bucket=bucket, Delete={"Objects": items, "Quiet": True})
    for error in answer.get("Errors", []):
        raise CloudError(f"s3://{bucket}/{error['Key']} was not deleted: {error['Code']}: {error['Message']}")


def _images(client: Any, repository: str) -> Iterator[dict[str, str]]:
    for page in client.get_paginator("list_images").paginate(repositoryName=repository):
        yield from page["imageIds"]


def _delete_images(client: Any, repository: str, items: list[Any]) -> None:
    answer = client.batch_delete_image(repositoryName=repository, imageIds=items)
    for failure in answer.get("failures", []):
        if failure.get("failureCode") != "ImageNotFound":  # a tag's image may have gone with its digest
            raise CloudError(f"{repository}: {failure.get('failureCode')}: {failure.get('failureReason')}")


def _model_versions(client: Any, group: str) -> Iterator[str]:
    for page in client.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group):
        yield from (item["ModelPackageArn"] for item in page["ModelPackageSummaryList"])


def _delete_model_versions(client: Any, _group: str, items: list[Any]) -> None:
    for arn in items:
        client.delete_model_package(ModelPackageName=arn)


KINDS = {
    "aws:s3/bucket:Bucket": Kind("s3", _object_versions, _delete_objects, DELETE_AT_ONCE, "object versions"),
    "aws:ecr/repository:Repository": Kind("ecr", _images, _delete_images, IMAGES_AT_ONCE, "images"),
    "aws:sagemaker/modelPackageGroup:ModelPackageGroup": Kind(
        "sagemaker", _model_versions, _delete_model_versions, 100, "registered model versions"
    ),
}


class AwsContents:
    """What an environment's resources hold."""

    def __init__(self, session: Session) -> None:
        self._aws = Aws(session.own_variables())

    def holds(self, kind: str) -> bool:
        """True for the kinds of items above."""
        return kind in KINDS

    def amount(self, kind: str, identity: str) -> str:
        """How many items of a kind a resource holds."""
        if kind not in KINDS:
            return ""
        try:
            return f"{len(self._items(kind, identity))} {KINDS[kind].noun}"
        except (ClientError, BotoCoreError) as error:
            if _is_gone(error):
                return f"no {KINDS[kind].noun}: it is gone"
            raise CloudError(f"{identity} does not say what it holds: {error}") from error

    def empty(self, kind: str, identity: str) -> bool:
        """Delete all items; false for a kind that has none."""
        if kind not in KINDS:
            return False
        found = KINDS[kind]
        try:
            items = self._items(kind, identity)
            for start in range(0, len(items), found.at_once):
                found.delete(self._aws.client(found.service), identity, items[start : start + found.at_once])
        except (ClientError, BotoCoreError) as error:
            if not _is_gone(error):
                raise CloudError(f"{identity} cannot be emptied: {error}") from error
        return True

    def made_by_jobs(self) -> list[Holding]:
        """Nothing: on SageMaker a resource stands for the models too."""
        return []

    def delete(self, holding: Holding) -> None:
        """Nothing is ever to be deleted so."""

    def close(self) -> None:
        """Close the connections."""
        self._aws.close()

    def _items(self, kind: str, identity: str) -> list[Any]:
        return list(KINDS[kind].items(self._aws.client(KINDS[kind].service), identity))


def _is_gone(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return False
    detail = error.response.get("Error", {})
    # SageMaker has no code of its own for what is not there.
    nameless = detail.get("Code") == "ValidationException" and "does not exist" in detail.get("Message", "")
    return nameless or detail.get("Code") in GONE
