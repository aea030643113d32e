"""S3."""

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


def _settings(world: World) -> list[Case]:
    s3 = world.client("s3")
    first, second = world.bucket(), world.bucket()
    arns = [f"arn:aws:s3:::{name}" for name in (first, second)]
    encryption = {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}
    rule = {"id": "old", "status": "Enabled", "filter": {"prefix": "runs/"}, "expiration": {"days": 30}}
    off = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False)
    lifecycle = {"Rules": [{"ID": "old", "Status": "Disabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]}
    rows: list[tuple[Args, Args, object, str, str]] = [
        (
            {"versioningConfiguration": {"status": "Enabled"}},
            {"versioningConfiguration": {"status": "Suspended"}},
            lambda world, out: s3.put_bucket_versioning(
                Bucket=out["bucket"], VersioningConfiguration={"Status": "Enabled"}
            ),
            "versioningConfiguration",
            "a bucket stays suspended",
        ),
        (
            {"rules": [encryption]},
            {"rules": [{**encryption, "bucketKeyEnabled": True}]},
            lambda world, out: s3.delete_bucket_encryption(Bucket=out["bucket"]),
            "",
            "the service always keeps a default rule",
        ),
        (
            {"blockPublicAcls": True, "blockPublicPolicy": True},
            {"ignorePublicAcls": True, "restrictPublicBuckets": True},
            lambda world, out: s3.put_public_access_block(Bucket=out["bucket"], PublicAccessBlockConfiguration=off),
            "blockPublicAcls",
            "",
        ),
        (
            {"rules": [rule]},
            {"rules": [{**rule, "expiration": {"days": 60}}]},
            lambda world, out: s3.put_bucket_lifecycle_configuration(
                Bucket=out["bucket"], LifecycleConfiguration=lifecycle
            ),
            "rules",
            "",
        ),
        (
            {"policy": _policy(arns, "s3:GetObject")},
            {"policy": _policy(arns, "s3:PutObject")},
            lambda world, out: s3.delete_bucket_policy(Bucket=out["bucket"]),
            "",
            "",
        ),
        (
            {"rule": {"objectOwnership": "BucketOwnerPreferred"}},
            {"rule": {"objectOwnership": "BucketOwnerEnforced"}},
            lambda world, out: s3.put_bucket_ownership_controls(
                Bucket=out["bucket"], OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
            ),
            "rule.objectOwnership",
            "",
        ),
    ]
    return [
        Case(token, {"bucket": first, **args}, change, {"bucket": second}, drift, drifts, stays)  # type: ignore[arg-type]
        for token, (args, change, drift, drifts, stays) in zip(TOKENS[1:-1], rows, strict=True)
    ]


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
