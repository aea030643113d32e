"""The data bucket on AWS: S3 with a KMS key, versions, no public access, TLS only, and a lifecycle."""

from collections.abc import Mapping
from typing import Any, get_args

import pulumi
import pulumi_aws as aws

from components.stages import JOBS, Grants, Role
from components.storage import EXPIRING, READS, WRITES, StorageArgs


class AwsStorage(pulumi.ComponentResource):
    """A bucket and its key, protected: `destroy` keeps them, with all that makes the bucket safe."""

    bucket: pulumi.Output[str]
    uri: pulumi.Output[str]
    key: pulumi.Output[str]
    grants: Grants

    def __init__(self, name: str, args: StorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("stile:index:Storage", name, {}, opts)
        self._naming = args["naming"]
        self._kept = pulumi.ResourceOptions(parent=self, protect=True)
        key, bucket = args.get("kms_key_arn"), args.get("bucket")
        self.key = pulumi.Output.from_input(key) if key else self._new_key()
        self.bucket = pulumi.Output.from_input(bucket) if bucket else self._new_bucket(args["retention_days"])
        self.uri = pulumi.Output.concat("s3://", self.bucket)
        self._arn = pulumi.Output.concat("arn:aws:s3:::", self.bucket)
        self.grants = {role: self._access(role) for role in get_args(Role) if role in READS}
        self.register_outputs({"bucket": self.bucket, "uri": self.uri, "key": self.key})

    def _new_key(self) -> pulumi.Output[str]:
        key = aws.kms.Key(
            self._naming.of("data"),
            description=f"Encrypts the data of {self._naming.prefix}",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            tags=self._naming.tags("storage"),
            opts=self._kept,
        )
        aws.kms.Alias(
            self._naming.of("data"), name=f"alias/{self._naming.of('data')}", target_key_id=key.key_id, opts=self._kept
        )
        arn: pulumi.Output[str] = key.arn
        return arn

    def _new_bucket(self, retention_days: pulumi.Input[int]) -> pulumi.Output[str]:
        # No explicit name: bucket names are global, so the engine adds random digits, once and for good.
        bucket = aws.s3.Bucket(self._naming.of("data"), tags=self._naming.tags("storage"), opts=self._kept)
        name: pulumi.Output[str] = bucket.bucket
        self._encrypted(name)
        self._private(name)
        self._versioned(name, retention_days)
        return name

    def _encrypted(self, bucket: pulumi.Output[str]) -> None:
        default = {"sse_algorithm": "aws:kms", "kms_master_key_id": self.key}
        aws.s3.BucketServerSideEncryptionConfiguration(
            self._naming.of("data"),
            bucket=bucket,
            rules=[{"apply_server_side_encryption_by_default": default, "bucket_key_enabled": True}],
            opts=self._kept,
        )

    def _private(self, bucket: pulumi.Output[str]) -> None:
        blocked = aws.s3.BucketPublicAccessBlock(
            self._naming.of("data"),
            bucket=bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._kept,
        )
        aws.s3.BucketOwnershipControls(
            self._naming.of("data"),
            bucket=bucket,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=self._kept,
        )
        # S3 refuses two changes of one bucket's access at once (OperationAborted), so they go one after the other.
        after = pulumi.ResourceOptions(depends_on=[blocked])
        aws.s3.BucketPolicy(
            self._naming.of("data"),
            bucket=bucket,
            policy=pulumi.Output.json_dumps(_tls_only(bucket)),
            opts=pulumi.ResourceOptions.merge(self._kept, after),
        )

    def _versioned(self, bucket: pulumi.Output[str], retention_days: pulumi.Input[int]) -> None:
        versioning = aws.s3.BucketVersioning(
            self._naming.of("data"),
            bucket=bucket,
            versioning_configuration={"status": "Enabled"},
            opts=self._kept,
        )
        aws.s3.BucketLifecycleConfiguration(
            self._naming.of("data"),
            bucket=bucket,
            rules=_lifecycle(retention_days),
            opts=pulumi.ResourceOptions.merge(self._kept, pulumi.ResourceOptions(depends_on=[versioning])),
        )

    def _access(self, role: Role) -> list[Mapping[str, Any]]:
        reads, writes = READS[role], WRITES[role]
        # SageMaker lists a job's inputs, and MLflow its artifacts; an endpoint's model is one object that it knows.
        only = {"StringLike": {"s3:prefix": list(reads)}}
        listing = {"Action": ["s3:ListBucket"], "Resource": [self._arn], "Condition": only}
        return [
            *([] if role == "serving" else [listing]),
            {"Action": ["s3:GetObject"], "Resource": self._objects(reads)},
            {"Action": ["s3:PutObject"], "Resource": self._objects(writes)},
            {"Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": [self.key]},
            *([self._volumes()] if role in JOBS else []),
        ]

    def _volumes(self) -> Mapping[str, Any]:
        """The disks of jobs are encrypted too: https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html."""
        only = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
        return {"Action": ["kms:CreateGrant"], "Resource": [self.key], "Condition": only}

    def _objects(self, patterns: tuple[str, ...]) -> list[pulumi.Output[str]]:
        return [pulumi.Output.concat(self._arn, f"/{pattern}") for pattern in patterns]


def _tls_only(bucket: pulumi.Output[str]) -> Mapping[str, Any]:
    arn = pulumi.Output.concat("arn:aws:s3:::", bucket)
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "OnlyOverTls",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, pulumi.Output.concat(arn, "/*")],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }


def _lifecycle(retention_days: pulumi.Input[int]) -> list[Mapping[str, Any]]:
    replaced = {
        "id": "replaced-versions",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "noncurrent_version_expiration": {"noncurrent_days": retention_days},
        "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
    }
    expiring = [
        {"id": folder, "status": "Enabled", "filter": {"prefix": f"{folder}/"}, "expiration": {"days": retention_days}}
        for folder in EXPIRING
    ]
    return [replaced, *expiring]
