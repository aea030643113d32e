"""How an object's generations follow each other: made, shown, overwritten, deleted."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from infra.localcloud.gcp.storage import keys
from infra.localcloud.gcp.storage.calls import JSON
from infra.localcloud.gcp.storage.media import Media
from infra.localcloud.gcp.storage.preconditions import etag
from infra.localcloud.gcp.storage.refusals import forbidden, invalid, not_implemented
from infra.localcloud.gcp.storage.store import Bucket, Generation, Store, now, object_name, stamp

TEXTS = ("cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "contentType", "customTime")
HOLDS = {"temporaryHold": "Temporary", "eventBasedHold": "Event-Based"}
EDITABLE = (*TEXTS, *HOLDS, "metadata")
NOT_DONE = ("acl", "retention", "contexts", "customerEncryption")
STORAGE_CLASSES = (
    "STANDARD",
    "NEARLINE",
    "COLDLINE",
    "ARCHIVE",
    "MULTI_REGIONAL",
    "REGIONAL",
    "DURABLE_REDUCED_AVAILABILITY",
)
LONGEST_NAME_BYTES = 1024
FORBIDDEN = re.compile("[\r\n\ud800-\udfff]")


def check_name(name: str) -> None:
    """Check an object's name (https://cloud.google.com/storage/docs/objects#naming).

    Raises:
        Refusal: 400.
    """
    if FORBIDDEN.search(name):
        raise invalid(f"Disallowed unicode characters present in object name '{name!a}'")
    if not name or len(name.encode()) > LONGEST_NAME_BYTES:
        raise invalid(
            f"The maximum object length is {LONGEST_NAME_BYTES} characters, but got {len(name)}: '{name[:80]}'"
        )
    if name in (".", "..") or name.startswith(".well-known/acme-challenge/"):
        raise invalid(f"Invalid object name: '{name}'")


def editable(given: Mapping[str, Any], *, patching: bool = False) -> JSON:
    """The part of an object's body that a caller may set; output fields, which clients send back, are left out.

    Args:
        given: the body.
        patching: whether nulls stay, since they remove.

    Raises:
        Refusal: 501 for what is not done, 400 for a wrong value.
    """
    for name in NOT_DONE:
        if given.get(name):
            raise not_implemented(f"The field {name} of objects")
    if (storage_class := given.get("storageClass")) is not None and storage_class not in STORAGE_CLASSES:
        raise invalid(
            f"Invalid argument: storageClass {storage_class!r}, expected one of {', '.join(STORAGE_CLASSES)}."
        )
    return {name: value for name in EDITABLE if (value := given.get(name)) is not None or (patching and name in given)}


def place(store: Store, bucket: Bucket, name: str, media: Media, fields: JSON) -> Generation:
    """Make a new live generation; what was live is removed, or stays as a noncurrent one. The lock must be held.

    Raises:
        Refusal: 403 when what is live may not be overwritten, or the key not be used.
    """
    if live := bucket.live(name):
        check_removable(bucket, live)
    moment = now()
    fields = _with_defaults(bucket, fields)
    if key := fields.get("kmsKeyName"):
        keys.check(store, key, keys.ENCRYPT)
    made = Generation(bucket.name, name, store.new_generation(), media, moment, fields, moment)
    if live:
        _retire(bucket, live, moment)
    bucket.objects.setdefault(name, []).append(made)
    return made


def _with_defaults(bucket: Bucket, fields: JSON) -> JSON:
    fields = {"storageClass": bucket.fields["storageClass"], **fields}
    if bucket.fields.get("defaultEventBasedHold"):
        fields.setdefault("eventBasedHold", True)
    key = fields.pop("kmsKeyName", None) or bucket.fields.get("encryption", {}).get("defaultKmsKeyName")
    return fields | ({"kmsKeyName": f"{key.split('/cryptoKeyVersions/')[0]}/cryptoKeyVersions/1"} if key else {})


def remove(bucket: Bucket, found: Generation, *, permanently: bool) -> None:
    """Delete a generation for good, or retire the live one where the bucket keeps versions. The lock must be held.

    Raises:
        Refusal: 403 when a hold or the retention policy forbids it.
    """
    check_removable(bucket, found)
    if permanently:
        _drop(bucket, found)
    else:
        _retire(bucket, found, now())


def check_removable(bucket: Bucket, found: Generation) -> None:
    """Check the holds of a generation and the bucket's retention policy.

    Raises:
        Refusal: 403.
    """
    what = f"Object '{found.bucket}/{found.name}'"
    for name, title in HOLDS.items():
        if found.fields.get(name):
            raise forbidden(
                f"{what} is under active {title} hold and cannot be deleted, overwritten or archived until hold is "
                "removed.",
                "objectUnderActiveHold",
            )
    if (until := retained_until(bucket, found)) and until > now():
        raise forbidden(
            f"{what} is subject to bucket's retention policy or object retention and cannot be deleted or "
            f"overwritten until {stamp(until)}",
            "retentionPolicyNotMet",
        )


def retained_until(bucket: Bucket, found: Generation) -> datetime | None:
    """When the bucket's retention policy lets go of a generation; None where there is no policy."""
    policy = bucket.fields.get("retentionPolicy")
    return found.created + timedelta(seconds=int(policy["retentionPeriod"])) if policy else None


def _retire(bucket: Bucket, found: Generation, moment: datetime) -> None:
    if bucket.versioned():
        found.retired = moment
    else:
        _drop(bucket, found)


def _drop(bucket: Bucket, found: Generation) -> None:
    found.media.path.unlink()
    rest = [one for one in bucket.objects[found.name] if one is not found]
    if rest:
        bucket.objects[found.name] = rest
    else:
        del bucket.objects[found.name]


def shown(store: Store, found: Generation, base_url: str) -> JSON:
    """A generation as the API shows it, with links back to where the caller reached us."""
    bucket, name = found.bucket, quote(found.name, safe="")
    path = f"storage/v1/b/{bucket}/o/{name}"
    resource: JSON = {
        "kind": "storage#object",
        "id": f"{bucket}/{found.name}/{found.generation}",
        "selfLink": f"{base_url}/{path}",
        "mediaLink": f"{base_url}/download/{path}?generation={found.generation}&alt=media",
        "name": found.name,
        "bucket": bucket,
        "generation": str(found.generation),
        "metageneration": str(found.metageneration),
        "etag": etag(found.generation, found.metageneration),
        "timeCreated": stamp(found.created),
        "timeFinalized": stamp(found.created),
        "timeStorageClassUpdated": stamp(found.created),
        "updated": stamp(found.updated),
        "size": str(found.media.size),
        "crc32c": found.media.crc32c,
        **found.fields,
    }
    if found.media.md5:
        resource["md5Hash"] = found.media.md5
    if found.media.components:
        resource["componentCount"] = found.media.components
    if found.retired:
        resource["timeDeleted"] = stamp(found.retired)
    if until := retained_until(store.bucket(bucket), found):
        resource["retentionExpirationTime"] = stamp(until)
    return resource


def full_name(found: Generation) -> str:
    """The name that permissions have for it."""
    return object_name(found.bucket, found.name)
