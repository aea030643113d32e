"""S3."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.conformance.provider_cases import Args, Case
from tests.conformance.provider_cases.world import World

TOKENS = (
    "aws:s3/bucket:Bucket",
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
    "aws:s3/bucketObjectv2:BucketObjectv2",
)


def cases(world: World) -> list[Case]:
    return [_bucket(world), *_settings(world), _object(world)]


def _bucket(world: World) -> Case:
    s3 = world.client("s3")
    tags = {"TagSet": [{"Key": "by-hand", "Value": "yes"}]}
    return Case(
        TOKENS[0],
        args={"forceDestroy": True, "tags": {"stile-stage": "first"}},
        change={"tags": {"stile-stage": "storage"}},
        replace={"bucket": world.aws.name("renamed")},
        drift=lambda world, out: s3.put_bucket_tagging(Bucket=out["bucket"], Tagging=tags),
        drifts="tags",
        imported_without=("forceDestroy",),
    )


@dataclass(frozen=True)
class Setting:
    """What a case of a bucket's setting has of its own."""

    args: Args
    change: Args
    drift: Callable[[World, Args], Any]
    drifts: str = ""
    stays: str = ""


def _settings(world: World) -> list[Case]:
    first, second = world.bucket(), world.bucket()
    arns = [f"arn:aws:s3:::{name}" for name in (first, second)]
    s3 = world.client("s3")
    rows = [_versioning(s3), _encryption(s3), _access_block(s3), _lifecycle(s3), _bucket_policy(s3, arns), _owner(s3)]
    return [
        Case(token, {"bucket": first, **row.args}, row.change, {"bucket": second}, row.drift, row.drifts, row.stays)
        for token, row in zip(TOKENS[1:-1], rows, strict=True)
    ]


def _versioning(s3: Any) -> Setting:
    enabled = {"Status": "Enabled"}
    return Setting(
        {"versioningConfiguration": {"status": "Enabled"}},
        {"versioningConfiguration": {"status": "Suspended"}},
        lambda world, out: s3.put_bucket_versioning(Bucket=out["bucket"], VersioningConfiguration=enabled),
        "versioningConfiguration",
        "a bucket stays suspended",
    )


def _encryption(s3: Any) -> Setting:
    encryption = {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}
    return Setting(
        {"rules": [encryption]},
        {"rules": [{**encryption, "bucketKeyEnabled": True}]},
        lambda world, out: s3.delete_bucket_encryption(Bucket=out["bucket"]),
        "rules",
        "the service always keeps a default rule",
    )


def _access_block(s3: Any) -> Setting:
    off = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False)
    return Setting(
        {"blockPublicAcls": True, "blockPublicPolicy": True},
        {"ignorePublicAcls": True, "restrictPublicBuckets": True},
        lambda world, out: s3.put_public_access_block(Bucket=out["bucket"], PublicAccessBlockConfiguration=off),
        "blockPublicAcls",
    )


def _lifecycle(s3: Any) -> Setting:
    rule = {"id": "old", "status": "Enabled", "filter": {"prefix": "runs/"}, "expiration": {"days": 30}}
    other = {"Rules": [{"ID": "old", "Status": "Disabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]}
    return Setting(
        {"rules": [rule]},
        {"rules": [{**rule, "expiration": {"days": 60}}]},
        lambda world, out: s3.put_bucket_lifecycle_configuration(Bucket=out["bucket"], LifecycleConfiguration=other),
        "rules",
    )


def _bucket_policy(s3: Any, arns: list[str]) -> Setting:
    return Setting(
        {"policy": _policy(arns, "s3:GetObject")},
        {"policy": _policy(arns, "s3:PutObject")},
        lambda world, out: s3.delete_bucket_policy(Bucket=out["bucket"]),
    )


def _owner(s3: Any) -> Setting:
    writer = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    return Setting(
        {"rule": {"objectOwnership": "BucketOwnerPreferred"}},
        {"rule": {"objectOwnership": "BucketOwnerEnforced"}},
        lambda world, out: s3.put_bucket_ownership_controls(Bucket=out["bucket"], OwnershipControls=writer),
        "rule.objectOwnership",
    )


def _policy(arns: list[str], action: str) -> Args:
    resources = [f"{arn}/*" for arn in arns]
    denied = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": resources}
    return {"Version": "2012-10-17", "Statement": [denied]}


def _object(world: World) -> Case:
    s3 = world.client("s3")
    return Case(
        TOKENS[-1],
        args={"bucket": world.bucket(), "key": "a/b.txt", "content": "hello", "contentType": "text/plain"},
        change={"content": "hello again", "tags": {"kind": "note"}},
        replace={"key": "a/c.txt"},
        drift=lambda world, out: s3.delete_object(Bucket=out["bucket"], Key=out["key"]),
        drifts="",
        imported_without=("content",),
    )
