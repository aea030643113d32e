"""S3: what buckets, their settings and objects need besides their tables."""

import base64
import binascii
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from infra.providers.aws.calls import Calls
from infra.providers.aws.hooks import Hook
from infra.providers.kit.resource import CallFailed, Failure, PluginError
from infra.providers.kit.tables import Call
from infra.providers.kit.values import UNKNOWN, Properties, Special, Value

_NOT_FOUND = ("404", "NoSuchBucket", "NotFound")
_BATCH = 1000  # the most that DeleteObjects takes


class SettingHook(Hook):
    """A setting of a bucket: the bucket's name is its identity."""

    def document(self, calls: Calls, document: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        """Add the bucket's name, which no answer holds."""
        return {"Name": known["id"], **document}


class BucketHook(SettingHook):
    """A bucket: not taken over if it is there already, emptied before its deletion if the program says so."""

    def before_create(self, calls: Calls, inputs: Properties) -> None:
        """Refuse a bucket that exists, as in us-east-1 the service itself would adopt it."""
        try:
            calls("HeadBucket", Bucket=inputs["bucket"])
        except CallFailed as error:
            if not error.means(_NOT_FOUND):
                raise
        else:
            raise PluginError(f"creating S3 Bucket ({inputs['bucket']}): BucketAlreadyExists")

    def create_arguments(self, calls: Calls, args: dict[str, Any], inputs: Properties) -> dict[str, Any]:
        """Name the region, except in us-east-1, where the service refuses it."""
        if calls.region == "us-east-1":
            return args
        return {**args, "CreateBucketConfiguration": {"LocationConstraint": calls.region}}

    def delete(self, calls: Calls, outputs: Properties, known: dict[str, Any]) -> bool:
        """Delete all versions of all objects first, if `forceDestroy` was applied and the bucket is not empty."""
        try:
            calls("DeleteBucket", Bucket=known["id"])
        except CallFailed as error:
            if not (error.means(("BucketNotEmpty",)) and outputs.get("forceDestroy")):
                raise
            _empty(calls, known["id"])
            calls("DeleteBucket", Bucket=known["id"])
        return True


def _empty(calls: Calls, bucket: str) -> None:
    listed = calls("ListObjectVersions", Bucket=bucket)
    found = [*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())]
    names = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
    for start in range(0, len(names), _BATCH):
        calls("DeleteObjects", Bucket=bucket, Delete={"Objects": names[start : start + _BATCH], "Quiet": True})


class VersioningHook(SettingHook):
    """Versioning cannot be undone, only suspended; `Disabled` means that nothing was ever said."""

    def check(self, inputs: Properties) -> Iterator[Failure]:
        """Refuse `Disabled`: for a bucket that was never versioned there is nothing to call."""
        wanted = inputs.get("versioningConfiguration")
        if isinstance(wanted, dict) and wanted.get("status") == "Disabled":
            yield Failure("versioningConfiguration.status", "the local stand-in takes Enabled or Suspended")

    def document(self, calls: Calls, document: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        """An absent status reads back as Disabled."""
        answer = document["VersioningConfiguration"]
        state = {key: value for key, value in answer.items() if key in ("Status", "MFADelete") and value}
        return {"Name": known["id"], "VersioningConfiguration": {"Status": "Disabled", **state}}

    def delete(self, calls: Calls, outputs: Properties, known: dict[str, Any]) -> bool:
        """Leave a bucket alone that was never versioned."""
        return (outputs.get("versioningConfiguration") or {}).get("status") == "Disabled"


class ObjectHook(Hook):
    """An object, whose body comes from one of three inputs and is never read back."""

    def check(self, inputs: Properties) -> Iterator[Failure]:
        """Refuse assets that are not on this machine, and metadata that the service would not keep."""
        source = inputs.get("source")
        if isinstance(source, Special) and not {"path", "text"} & source.fields.keys():
            yield Failure("source", "only files and texts can be uploaded by the local stand-in")
        upper: Iterable[str] = (key for key in inputs.get("metadata") or () if key != key.lower())
        if inputs.get("metadata") is not UNKNOWN:
            yield from (Failure(f"metadata.{key}", "metadata keys must be lower case") for key in upper)

    def create_arguments(self, calls: Calls, args: dict[str, Any], inputs: Properties) -> dict[str, Any]:
        """Add the body."""
        kind = {"ContentType": "application/octet-stream", **args}
        return {**kind, "Body": _body(inputs)}

    def update_arguments(self, call: Call, args: dict[str, Any], inputs: Properties) -> dict[str, Any]:
        """Upload the whole object again."""
        given = {key: value for key, value in args.items() if value != ""}
        return {"ContentType": "application/octet-stream", **given, "Body": _body(inputs)}

    def document(self, calls: Calls, document: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        """Add the object's place, which no answer holds; the tag of its content without quotes."""
        tag = document.get("ETag", "").strip('"')
        return {"Bucket": known["bucket"], "Key": known["key"], **document, "ETag": tag}

    def delete(self, calls: Calls, outputs: Properties, known: dict[str, Any]) -> bool:
        """Delete every version, where the bucket is versioned."""
        if not outputs.get("versionId"):
            return False
        listed = calls("ListObjectVersions", Bucket=known["bucket"], Prefix=known["key"])
        for each in [*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())]:
            if each["Key"] == known["key"]:
                calls("DeleteObject", Bucket=known["bucket"], Key=known["key"], VersionId=each["VersionId"])
        return True


def _body(inputs: Properties) -> bytes:
    source: Value = inputs.get("source")
    if isinstance(source, Special):
        return Path(source.fields["path"]).read_bytes() if "path" in source.fields else source.fields["text"].encode()
    if "contentBase64" in inputs:
        try:
            return base64.b64decode(inputs["contentBase64"], validate=True)
        except binascii.Error as error:
            raise PluginError(f"contentBase64: {error}") from error
    return str(inputs.get("content", "")).encode()
