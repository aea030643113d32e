"""Buckets: insert, get, list, patch, update, delete, and the lock of their retention policy."""

from datetime import datetime, timedelta
from typing import Any

from infra.localcloud.gcp.call import PROJECT_NUMBER
from infra.localcloud.gcp.storage import iam, keys, preconditions
from infra.localcloud.gcp.storage.bucket_rules import check_name, check_settings
from infra.localcloud.gcp.storage.calls import JSON, Answer, Call
from infra.localcloud.gcp.storage.listing import page_size, read_name, write_token
from infra.localcloud.gcp.storage.merging import merged
from infra.localcloud.gcp.storage.objects import refuse_access_lists
from infra.localcloud.gcp.storage.refusals import conflict, forbidden, invalid, not_implemented, required
from infra.localcloud.gcp.storage.store import Bucket, Store, bucket_name, now, stamp

# What a caller may change later; the rest of a body is output that clients send back.
EDITABLE = (
    "cors", "defaultEventBasedHold", "encryption", "iamConfiguration", "labels", "lifecycle", "logging",
    "retentionPolicy", "rpo", "softDeletePolicy", "storageClass", "versioning", "website",
)  # fmt: skip
NOT_DONE = (
    "acl",
    "autoclass",
    "billing",
    "customPlacementConfig",
    "defaultObjectAcl",
    "hierarchicalNamespace",
    "ipFilter",
)
# https://cloud.google.com/storage/docs/locations
LOCATION_TYPES = {"US": "multi-region", "EU": "multi-region", "ASIA": "multi-region"} | dict.fromkeys(
    ("ASIA1", "EUR4", "EUR5", "EUR7", "EUR8", "NAM4"), "dual-region"
)
OWNED = "Your previous request to create the named bucket succeeded and you already own it."
TAKEN = (
    "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
    "Please select a different name and try again."
)
SOFT_DELETE_SECONDS = 604800
LOCKABLE_DAYS = 90


def insert(store: Store, call: Call) -> Answer:
    """Make a bucket."""
    project = call.needed("project")
    store.permit(call.token, "storage.buckets.create", f"projects/{project}")
    name = call.body.get("name")
    if not name:
        raise required("name")
    check_name(name)
    refuse_access_lists(call)
    if call.flag("enableObjectRetention"):
        raise not_implemented("The parameter enableObjectRetention (retention per object)")
    if existing := store.buckets.get(name):
        raise conflict(OWNED if existing.project == project else TAKEN)
    moment, location = now(), str(call.body.get("location") or "US").upper()
    fields = _settled(store, {}, editable(call.body), moment) | {"location": location}
    fields["locationType"] = LOCATION_TYPES.get(location, "region")
    policy = iam.first_policy(project)
    made = Bucket(name, project, fields, moment, moment, store.new_generation(), policy)
    store.buckets[name] = made
    return Answer(shown(store, made, call.base_url))


def editable(given: JSON) -> JSON:
    """The part of a body that a caller may set, nulls included.

    Raises:
        Refusal: 501 for what is not done.
    """
    for name in NOT_DONE:
        if _says_something(given.get(name)):
            raise not_implemented(f"The field {name} of buckets")
    return {name: given[name] for name in EDITABLE if name in given}


def _says_something(value: Any) -> bool:
    """Whether a field asks for anything: clients also send {"enabled": false}."""
    return any(value.values()) if isinstance(value, dict) else bool(value)


def _settled(store: Store, before: JSON, change: JSON, moment: datetime) -> JSON:
    """The settings after a change, with what the server fills in.

    Raises:
        Refusal: 400 or 403.
    """
    fields = merged(before, change)
    fields.setdefault("storageClass", "STANDARD")
    _settle_access(before, change, fields, moment)
    soft = fields.setdefault("softDeletePolicy", {})
    soft.setdefault("retentionDurationSeconds", str(SOFT_DELETE_SECONDS))
    if soft["retentionDurationSeconds"] != before.get("softDeletePolicy", {}).get("retentionDurationSeconds"):
        soft["effectiveTime"] = stamp(moment)
    check_settings(fields)
    _settle_retention(before, fields, moment)
    key = fields.get("encryption", {}).get("defaultKmsKeyName")
    if key and key != before.get("encryption", {}).get("defaultKmsKeyName"):
        keys.check(store, key, keys.ENCRYPT)
    return {name: value for name, value in fields.items() if value not in ({}, {"rule": []})}


def _settle_access(before: JSON, change: JSON, fields: JSON, moment: datetime) -> None:
    """Uniform access has two names, of which a change may use either, and can be turned off for 90 days."""
    access = fields.setdefault("iamConfiguration", {})
    access.setdefault("publicAccessPrevention", "inherited")
    given = change.get("iamConfiguration") or {}
    wish = given.get("uniformBucketLevelAccess") or given.get("bucketPolicyOnly") or {}
    old = before.get("iamConfiguration", {}).get("uniformBucketLevelAccess", {"enabled": False})
    uniform = {"enabled": wish.get("enabled", old["enabled"])}
    if uniform["enabled"]:
        uniform["lockedTime"] = old.get("lockedTime") or stamp(moment + timedelta(days=LOCKABLE_DAYS))
    access["uniformBucketLevelAccess"] = uniform
    access["bucketPolicyOnly"] = dict(uniform)


def _settle_retention(before: JSON, fields: JSON, moment: datetime) -> None:
    old, new = before.get("retentionPolicy"), fields.get("retentionPolicy")
    if old and old.get("isLocked") and (not new or int(new["retentionPeriod"]) < int(old["retentionPeriod"])):
        raise forbidden("Cannot remove or reduce the duration of a locked Retention Policy.")
    if new and new.get("retentionPeriod") != (old or {}).get("retentionPeriod"):
        new["effectiveTime"] = stamp(moment)
    if new:
        new["isLocked"] = bool((old or {}).get("isLocked"))
        if not new["isLocked"]:
            del new["isLocked"]


def shown(store: Store, found: Bucket, base_url: str) -> JSON:
    """A bucket as the API shows it."""
    default = {} if found.fields["locationType"] == "region" else {"rpo": "DEFAULT"}
    return default | {
        "kind": "storage#bucket",
        "id": found.name,
        "selfLink": f"{base_url}/storage/v1/b/{found.name}",
        "name": found.name,
        "projectNumber": PROJECT_NUMBER,
        "generation": str(found.generation),
        "metageneration": str(found.metageneration),
        "etag": preconditions.etag(None, found.metageneration),
        "timeCreated": stamp(found.created),
        "updated": stamp(found.updated),
        **found.fields,
    }


def _chosen(store: Store, call: Call, *permissions: str) -> Bucket:
    """The bucket that a call is about, once the caller may act on it and the preconditions hold."""
    for permission in permissions:
        store.permit(call.token, permission, bucket_name(call.path["bucket"]))
    if call.flag("softDeleted"):
        raise not_implemented("Soft deletion")
    found = store.bucket(call.path["bucket"])
    preconditions.check(call.query, found, reading=call.reading)
    preconditions.check_tags(call, preconditions.etag(None, found.metageneration))
    return found


def get(store: Store, call: Call) -> Answer:
    """Answer a bucket's settings."""
    return Answer(shown(store, _chosen(store, call, "storage.buckets.get"), call.base_url))


def list_(store: Store, call: Call) -> Answer:
    """Answer the buckets of a project, in pages."""
    project = call.needed("project")
    store.permit(call.token, "storage.buckets.list", f"projects/{project}")
    if call.flag("softDeleted"):
        raise not_implemented("Soft deletion")
    prefix, token = call.text("prefix") or "", call.text("pageToken")
    after, size = read_name(token) if token else "", page_size(call)
    mine = [bucket for bucket in store.buckets.values() if project in (bucket.project, PROJECT_NUMBER)]
    names = sorted(bucket.name for bucket in mine if bucket.name.startswith(prefix) and bucket.name > after)
    answer: JSON = {"kind": "storage#buckets"}
    if names:
        answer["items"] = [shown(store, store.buckets[name], call.base_url) for name in names[:size]]
    if len(names) > size:
        answer["nextPageToken"] = write_token(names[size - 1])
    return Answer(answer)


def patch(store: Store, call: Call) -> Answer:
    """Change the settings that are given; null removes."""
    found = _chosen(store, call, "storage.buckets.get", "storage.buckets.update")
    return _changed(store, call, found, editable(call.body))


def update(store: Store, call: Call) -> Answer:
    """Replace all settings that the caller may change."""
    found = _chosen(store, call, "storage.buckets.get", "storage.buckets.update")
    return _changed(store, call, found, dict.fromkeys(EDITABLE) | editable(call.body))


def _changed(store: Store, call: Call, found: Bucket, change: JSON) -> Answer:
    refuse_access_lists(call)
    moment = now()
    found.fields, found.updated = _settled(store, found.fields, change, moment), moment
    found.metageneration += 1
    return Answer(shown(store, found, call.base_url))


def delete(store: Store, call: Call) -> Answer:
    """Delete a bucket that holds no object, not even a noncurrent one."""
    found = _chosen(store, call, "storage.buckets.delete")
    if found.objects:
        raise conflict("The bucket you tried to delete is not empty.")
    del store.buckets[found.name]
    return Answer(status=204)


def lock_retention(store: Store, call: Call) -> Answer:
    """Make a bucket's retention policy one that can only grow."""
    if "ifMetagenerationMatch" not in call.query:
        raise required("ifMetagenerationMatch")
    found = _chosen(store, call, "storage.buckets.get", "storage.buckets.update")
    if "retentionPolicy" not in found.fields:
        raise invalid("Cannot lock a retention policy that does not exist.")
    found.fields = merged(found.fields, {"retentionPolicy": {"isLocked": True}})
    found.metageneration += 1
    found.updated = now()
    return Answer(shown(store, found, call.base_url))


def service_account(store: Store, call: Call) -> Answer:
    """Answer the account as which Cloud Storage itself acts, for grants on keys."""
    store.permit(call.token, "resourcemanager.projects.get", f"projects/{call.path['projectId']}")
    return Answer({"kind": "storage#serviceAccount", "email_address": store.agent})
