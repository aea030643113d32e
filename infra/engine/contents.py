"""What protected resources hold: told before `destroy --with-data` deletes it, and deleted first, as the cloud asks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.engine.events import short
from infra.engine.operations import protected as protected_resources
from infra.engine.session import Progress, Session
from infra.errors import CloudError

DELETE_AT_ONCE = 1000  # S3 DeleteObjects takes at most so many
IMAGES_AT_ONCE = 100  # ECR BatchDeleteImage
GONE = ("NoSuchBucket", "RepositoryNotFoundException", "ResourceNotFound", "ResourceNotFoundException", "404")


@dataclass(frozen=True)
class Holding:
    """A protected resource and how much it holds.

    Attributes:
        urn, type, id: of the resource.
        amount: what is in it, in words; empty if it holds nothing of its own.
    """

    urn: str
    type: str
    id: str
    amount: str


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


def protected(session: Session) -> list[Holding]:
    """Return the environment's protected resources, with what they hold.

    Raises:
        CloudError: the cloud does not say what one holds.
    """
    return [
        Holding(
            urn=resource["urn"],
            type=resource["type"],
            id=resource.get("id", ""),
            amount=_amount(session, resource["type"], resource.get("id", "")),
        )
        for resource in protected_resources(session)
    ]


def empty(session: Session, holding: Holding, progress: Progress) -> None:
    """Delete everything that a resource holds; raises CloudError."""
    kind = KINDS.get(holding.type)
    if kind is None:
        return
    progress(f"emptying {short(holding.urn)}")
    client = session.aws_client(kind.service)
    try:
        items = list(kind.items(client, holding.id))
        for start in range(0, len(items), kind.at_once):
            kind.delete(client, holding.id, items[start : start + kind.at_once])
    except (ClientError, BotoCoreError) as error:
        if _is_gone(error):
            return
        raise CloudError(f"{holding.id} cannot be emptied: {error}", path=holding.urn) from error


def _amount(session: Session, kind_name: str, identity: str) -> str:
    kind = KINDS.get(kind_name)
    if kind is None:
        return ""
    try:
        held = sum(1 for _ in kind.items(session.aws_client(kind.service), identity))
    except (ClientError, BotoCoreError) as error:
        if _is_gone(error):
            return f"no {kind.noun}: it is gone"
        raise CloudError(f"{identity} does not say what it holds: {error}") from error
    return f"{held} {kind.noun}"


def _is_gone(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return False
    detail = error.response.get("Error", {})
    # SageMaker has no code of its own for what is not there.
    nameless = detail.get("Code") == "ValidationException" and "does not exist" in detail.get("Message", "")
    return nameless or detail.get("Code") in GONE
