"""The registry on SageMaker: each version a model package of the model's group.

Source: Amazon SageMaker API reference, CreateModelPackage (it takes a status, but no ApprovalDescription),
UpdateModelPackage (it takes both), and "Amazon SageMaker Model Registry" of the developer guide.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ml_jobs.errors import JobError
from ml_jobs.registry import Entry, Version, same_status
from ml_jobs.settings import Settings
from ml_jobs.trained import ARCHIVE

MAX_DESCRIPTION_CHARACTERS = 1024
PENDING = "PendingManualApproval"
JSON = "application/json"


class SageMakerRegistry:
    """One model package group."""

    def __init__(self, group: str, image: str) -> None:
        self._group = group
        self._image = image

    @classmethod
    def of(cls, settings: Settings) -> "SageMakerRegistry":
        """Return the registry of the settings' group.

        Raises:
            JobError: the group or the image is not set.
        """
        if settings.model_package_group is None or settings.image is None:
            raise JobError("the registry on SageMaker needs STILE_MODEL_PACKAGE_GROUP and STILE_IMAGE")
        return cls(settings.model_package_group, settings.image)

    def champion(self) -> Version | None:
        """Return the newest approved package, or None."""
        approved = self._arns(ModelApprovalStatus="Approved")
        newest = max(approved, key=_number, default=None)
        return None if newest is None else self._described(newest)

    def fetch(self, version: Version, folder: Path) -> Path:
        """Download the package's model.tar.gz into `folder`."""
        with _told(f"version {version.number} of {self._group}"):
            package = _client("sagemaker").describe_model_package(ModelPackageName=version.identifier)
            uri = str(package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"])
            bucket, _, key = uri.removeprefix("s3://").partition("/")
            folder.mkdir(parents=True, exist_ok=True)
            _client("s3").download_file(bucket, key, str(folder / ARCHIVE))
        return folder

    def register(self, entry: Entry) -> Version:
        """Create a package, then approve or reject it: what is pending was interrupted, and is taken up again."""
        known = next((found for arn in self._arns() if entry.is_in(found := self._described(arn))), None)
        if known is not None and known.status != PENDING:
            return same_status(entry, known)
        with _told(f"registering {entry.candidate} in {self._group}"):
            client = _client("sagemaker")
            arn = known.identifier if known else client.create_model_package(**self._request(entry))["ModelPackageArn"]
            client.update_model_package(
                ModelPackageArn=arn,
                ModelApprovalStatus=entry.status,
                ApprovalDescription=entry.reason[:MAX_DESCRIPTION_CHARACTERS],
            )
        return self._described(arn)

    def _request(self, entry: Entry) -> dict[str, Any]:
        if entry.model_uri is None:
            raise JobError(
                f"nobody said where {entry.candidate}'s model lies in S3; run as a processing job with inputs"
            )
        identity = f"{self._group}/{entry.execution_id}/{entry.candidate}/{entry.sha256}"
        request: dict[str, Any] = {
            "ModelPackageGroupName": self._group,
            "ModelPackageDescription": f"{entry.candidate} of execution {entry.execution_id}",
            "ModelApprovalStatus": PENDING,
            "InferenceSpecification": {
                "Containers": [{"Image": self._image, "ModelDataUrl": entry.model_uri}],
                "SupportedContentTypes": [JSON],
                "SupportedResponseMIMETypes": [JSON],
            },
            "CustomerMetadataProperties": entry.all_properties,
            # The same entry gives the same token, so that a repeated request makes no second version.
            "ClientToken": str(uuid.uuid5(uuid.NAMESPACE_URL, identity)),
        }
        if entry.metrics_uri is not None:
            statistics = {"ContentType": JSON, "S3Uri": entry.metrics_uri}
            request["ModelMetrics"] = {"ModelQuality": {"Statistics": statistics}}
        return request

    def _arns(self, **asked: str) -> list[str]:
        with _told(f"the versions of {self._group}"):
            pages = _client("sagemaker").get_paginator("list_model_packages")
            listed = pages.paginate(ModelPackageGroupName=self._group, **asked)
            return [str(item["ModelPackageArn"]) for page in listed for item in page["ModelPackageSummaryList"]]

    def _described(self, arn: str) -> Version:
        with _told(arn):
            package = _client("sagemaker").describe_model_package(ModelPackageName=arn)
        return Version(
            number=int(package["ModelPackageVersion"]),
            identifier=arn,
            status=str(package["ModelApprovalStatus"]),
            reason=str(package.get("ApprovalDescription", "")),
            properties=dict(package.get("CustomerMetadataProperties", {})),
        )


def _number(arn: str) -> int:
    return int(arn.rpartition("/")[2])


def _client(service: str) -> Any:
    import boto3

    return boto3.client(service)


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn the vendor's errors into one that says what was asked for."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise JobError(f"{what}: {error}") from error
