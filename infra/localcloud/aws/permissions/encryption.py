"""The KMS key behind an object of S3, for which the vendor asks the caller's permission too.

Nobody is asked for the key that the vendor manages itself (`aws/s3`).
"""

from collections.abc import Mapping
from typing import Any

from localstack.services.s3.models import S3Bucket, s3_stores
from localstack.services.s3.utils import get_kms_key_arn

KEY = "@key"
READING = ("GetObject", "GetObjectAttributes")


def key_of(operation: str, place: Mapping[str, str], members: Mapping[str, Any]) -> str | None:
    """Return the ARN of the customer's key that reads or writes the object; None for one without."""
    store = s3_stores[place["account"]][place["region"]]
    bucket = store.buckets.get(members["Bucket"])
    if bucket is None:
        return None
    key = _stored(bucket, operation, members) if _is_stored(operation, members) else _asked(bucket, members)
    return None if key == store.aws_managed_kms_key_id else key


def _is_stored(operation: str, members: Mapping[str, Any]) -> bool:
    return operation in READING or bool(members.get("UploadId"))


def _stored(bucket: S3Bucket, operation: str, members: Mapping[str, Any]) -> str | None:
    if operation in READING:
        version = [members["VersionId"]] if members.get("VersionId") and bucket.versioning_status else []
        found = bucket.objects.get(members["Key"], *version)
    else:
        upload = bucket.multiparts.get(members["UploadId"])
        found = upload.object if upload else None
    return getattr(found, "kms_key_id", None)


def _asked(bucket: S3Bucket, members: Mapping[str, Any]) -> str | None:
    rule: Mapping[str, Any] = bucket.encryption_rule or {}
    default: Mapping[str, Any] = rule.get("ApplyServerSideEncryptionByDefault") or {}
    algorithm = members.get("ServerSideEncryption") or default.get("SSEAlgorithm")
    key = members.get("SSEKMSKeyId") or default.get("KMSMasterKeyID")
    if algorithm != "aws:kms" or key is None:
        return None
    return get_kms_key_arn(key, bucket.bucket_account_id, bucket.bucket_region)
