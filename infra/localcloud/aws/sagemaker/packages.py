"""Model packages: the registry's entries, numbered versions of a group or single ones by name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from localstack.aws.api import RequestContext

from infra.localcloud.aws.arns import sagemaker_arn
from infra.localcloud.aws.failures import Refusal, validation
from infra.localcloud.aws.operations import Operations, Request, Response
from infra.localcloud.aws.paging import Listing
from infra.localcloud.aws.records import Record
from infra.localcloud.aws.sagemaker.job_records import echo
from infra.localcloud.aws.sagemaker.package_groups import Group, named_group
from infra.localcloud.aws.sagemaker.store import store
from infra.localcloud.aws.states import transition

MACHINE = "model_package"
PENDING = "PendingManualApproval"
MAX_METADATA = 50
DESCRIBED = (
    "AdditionalInferenceSpecifications",
    "ApprovalDescription",
    "CustomerMetadataProperties",
    "Domain",
    "DriftCheckBaselines",
    "InferenceSpecification",
    "MetadataProperties",
    "ModelApprovalStatus",
    "ModelCard",
    "ModelLifeCycle",
    "ModelMetrics",
    "ModelPackageDescription",
    "ModelPackageRegistrationType",
    "SamplePayloadUrl",
    "SecurityConfig",
    "SkipModelValidation",
    "SourceAlgorithmSpecification",
    "SourceUri",
    "Task",
    "ValidationSpecification",
)
# What UpdateModelPackage replaces whole; metadata and additional specifications it merges.
REPLACED = (
    "ApprovalDescription",
    "InferenceSpecification",
    "ModelApprovalStatus",
    "ModelCard",
    "ModelLifeCycle",
    "ModelPackageRegistrationType",
    "SourceUri",
)


@dataclass(kw_only=True)
class Package(Record):
    """A model package; `request` holds its members as they were given and updated."""

    request: dict[str, Any]
    group: str | None
    version: int | None
    status: str
    client_token: str | None = None
    updated: bool = False

    def end(self, status: str, reason: str | None) -> None:
        """Note the end of the package's creation."""
        self.status = status


def create_package(context: RequestContext, request: Request) -> Response:
    """CreateModelPackage: the next version of a group, or a single package by name; idempotent by ClientToken."""
    records = store(context)
    group_name, name = request.get("ModelPackageGroupName"), request.get("ModelPackageName")
    if bool(group_name) == bool(name):
        raise validation("Exactly one of ModelPackageGroupName and ModelPackageName must be given.")
    if not any(
        request.get(member) for member in ("InferenceSpecification", "SourceAlgorithmSpecification", "SourceUri")
    ):
        raise validation("Either InferenceSpecification or SourceAlgorithmSpecification must be given.")
    _check_metadata(request.get("CustomerMetadataProperties") or {})
    records.tags.check(request.get("Tags"))
    with records.groups.locked():
        if known := _repeated(records.packages.all(), request.get("ClientToken")):
            return {"ModelPackageArn": known.arn}
        group = named_group(context, group_name) if group_name else None
        package = records.packages.add(_new_package(context, request, group))
    records.tags.begin(package.arn, request.get("Tags"))
    return {"ModelPackageArn": package.arn}


def _new_package(context: RequestContext, request: Request, group: Group | None) -> Package:
    version = next(group.numbers) if group else None
    parts = (group.name, str(version)) if group else (request["ModelPackageName"],)
    kept = echo(request, DESCRIBED)
    if group is not None:
        kept.setdefault("ModelApprovalStatus", PENDING)
    creation = transition(MACHINE, "create", "/".join(parts))
    package = Package(
        name="/".join(parts),
        arn=sagemaker_arn(context, "model-package", *parts),
        request=kept,
        group=group.name if group else None,
        version=version,
        status=creation.during if creation.delay_seconds or creation.fault else creation.done,
        client_token=request.get("ClientToken"),
    )
    if package.status == creation.during:
        creation.run(lambda: None, package.end)
    return package


def _repeated(packages: Iterable[Package], token: str | None) -> Package | None:
    return next((package for package in packages if token is not None and package.client_token == token), None)


def describe_package(context: RequestContext, request: Request) -> Response:
    """DescribeModelPackage, by name or ARN."""
    package = _named(context, request["ModelPackageName"])
    answer = {
        **_identity(package),
        "CreationTime": package.created,
        "CreatedBy": {},
        "CertifyForMarketplace": False,
        "ModelPackageStatus": package.status,
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        **package.request,
    }
    if package.updated:
        answer |= {"LastModifiedTime": package.modified, "LastModifiedBy": {}}
    return answer


def update_package(context: RequestContext, request: Request) -> Response:
    """UpdateModelPackage: replaces what is given, merges metadata, and loses no concurrent change."""
    records = store(context)
    with records.packages.locked():
        package = _named(context, request["ModelPackageArn"])
        metadata = _merged_metadata(package.request.get("CustomerMetadataProperties") or {}, request)
        changed = {**package.request, **echo(request, REPLACED), "CustomerMetadataProperties": metadata}
        if added := request.get("AdditionalInferenceSpecificationsToAdd"):
            changed["AdditionalInferenceSpecifications"] = [
                *package.request.get("AdditionalInferenceSpecifications", []),
                *added,
            ]
        package.request = changed
        package.updated = True
        package.touch()
    return {"ModelPackageArn": package.arn}


def _merged_metadata(present: Mapping[str, str], request: Request) -> dict[str, str]:
    gone = set(request.get("CustomerMetadataPropertiesToRemove") or ())
    merged = {key: value for key, value in present.items() if key not in gone}
    merged |= request.get("CustomerMetadataProperties") or {}
    _check_metadata(merged)
    return merged


def _check_metadata(metadata: Mapping[str, str]) -> None:
    if len(metadata) > MAX_METADATA:
        raise validation(f"CustomerMetadataProperties must have at most {MAX_METADATA} entries.")


def delete_package(context: RequestContext, request: Request) -> Response:
    """DeleteModelPackage, by name or ARN."""
    records = store(context)
    package = _named(context, request["ModelPackageName"])
    records.packages.remove(package.name, named=package.arn)
    records.tags.end(package.arn)
    return {}


def batch_describe(context: RequestContext, request: Request) -> Response:
    """BatchDescribeModelPackage: summaries of those that exist, an error for each other."""
    found, errors = {}, {}
    for arn in request["ModelPackageArnList"]:
        try:
            package = _named(context, arn)
        except Refusal as refusal:
            errors[arn] = {"ErrorCode": refusal.code, "ErrorResponse": refusal.message}
        else:
            specification = package.request.get("InferenceSpecification", {"Containers": []})
            found[arn] = {**_summary(package), "InferenceSpecification": specification}
    return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": errors}


def _identity(package: Package) -> dict[str, Any]:
    identity: dict[str, Any] = {"ModelPackageArn": package.arn}
    if package.group is None:
        return identity | {"ModelPackageName": package.name}
    return identity | {
        # DescribeModelPackage's own model asks for a name; the vendor gives the group's.
        "ModelPackageName": package.group,
        "ModelPackageGroupName": package.group,
        "ModelPackageVersion": package.version,
    }


def _summary(package: Package) -> dict[str, Any]:
    summary = {**_identity(package), "CreationTime": package.created, "ModelPackageStatus": package.status}
    if package.group is not None:
        del summary["ModelPackageName"]
    members = ("ModelApprovalStatus", "ModelLifeCycle", "ModelPackageDescription", "ModelPackageRegistrationType")
    return summary | echo(package.request, members)


LISTING: Listing[Package] = Listing(summary=_summary, key="ModelPackageSummaryList", order="Ascending")


def list_packages(context: RequestContext, request: Request) -> Response:
    """ListModelPackages: of one group, or by type (single ones where the request says nothing)."""
    wanted_group = request.get("ModelPackageGroupName")
    group = named_group(context, wanted_group) if wanted_group else None
    status = request.get("ModelApprovalStatus")
    chosen = [
        package
        for package in store(context).packages.all()
        if _is_of_type(package, group, request.get("ModelPackageType") or "Unversioned")
        and (status is None or package.request.get("ModelApprovalStatus") == status)
    ]
    return LISTING.page(chosen, request)


def _is_of_type(package: Package, group: Group | None, kind: str) -> bool:
    if group is not None:
        return package.group == group.name
    return kind == "Both" or (package.group is not None) == (kind == "Versioned")


def _named(context: RequestContext, name: str) -> Package:
    arn = name if name.startswith("arn:") else sagemaker_arn(context, "model-package", name)
    found: Package = store(context).packages.get(name, named=arn)
    return found


OPERATIONS: Operations = {
    "BatchDescribeModelPackage": batch_describe,
    "CreateModelPackage": create_package,
    "DeleteModelPackage": delete_package,
    "DescribeModelPackage": describe_package,
    "ListModelPackages": list_packages,
    "UpdateModelPackage": update_package,
}
