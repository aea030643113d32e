"""Buckets' IAM policies: read, replaced as a whole by whoever has the current etag, and asked."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from infra.localcloud.gcp.storage.calls import JSON, Answer, Call
from infra.localcloud.gcp.storage.preconditions import etag
from infra.localcloud.gcp.storage.refusals import condition_not_met, invalid
from infra.localcloud.gcp.storage.store import Bucket, Store, bucket_name

# https://cloud.google.com/iam/docs/reference/rest/v1/Policy#Binding
MEMBER = re.compile(
    r"(user|serviceAccount|group):[^@\s]+@[^@\s]+|domain:\S+|(projectOwner|projectEditor|projectViewer):\S+|deleted:\S+"
    r"|(principal|principalSet)://\S+|serviceAccount:[^@\s]+\.svc\.id\.goog\[\S+\]"
)
EVERYBODY = frozenset({"allUsers", "allAuthenticatedUsers"})
ROLE = re.compile(r"(projects/[^/]+/|organizations/[^/]+/)?roles/[A-Za-z0-9_.]+")
CONDITIONS_VERSION = 3
MOST_MEMBERS = 1500


def first_policy(project: str) -> JSON:
    """The policy of a new bucket (https://cloud.google.com/storage/docs/access-control/iam#default-bucket)."""
    owners, viewers = [f"projectEditor:{project}", f"projectOwner:{project}"], [f"projectViewer:{project}"]
    grants = {
        "roles/storage.legacyBucketOwner": owners,
        "roles/storage.legacyBucketReader": viewers,
        "roles/storage.legacyObjectOwner": owners,
        "roles/storage.legacyObjectReader": viewers,
    }
    return {"version": 1, "bindings": [{"role": role, "members": members} for role, members in grants.items()]}


def _shown(found: Bucket) -> JSON:
    kind = {"kind": "storage#policy", "resourceId": bucket_name(found.name)}
    return kind | found.policy | {"etag": etag(None, found.policy_changes)}


def get_policy(store: Store, call: Call) -> Answer:
    """Answer a bucket's policy."""
    store.permit(call.token, "storage.buckets.getIamPolicy", bucket_name(call.path["bucket"]))
    found = store.bucket(call.path["bucket"])
    _check_version(call.number("optionsRequestedPolicyVersion"))
    return Answer(_shown(found))


def set_policy(store: Store, call: Call) -> Answer:
    """Replace a bucket's policy; one that was made from an older policy is refused."""
    store.permit(call.token, "storage.buckets.setIamPolicy", bucket_name(call.path["bucket"]))
    found = store.bucket(call.path["bucket"])
    given = call.body.get("etag")
    if given and given != etag(None, found.policy_changes):
        raise condition_not_met()
    bindings = [_checked(store, found, binding) for binding in call.body.get("bindings") or []]
    version = call.body.get("version") or 1
    _check_version(version)
    if any("condition" in binding for binding in bindings) and version != CONDITIONS_VERSION:
        raise invalid("Conditional bindings need version 3 of the policy.")
    found.policy = {"version": version, "bindings": _joined(bindings)}
    found.policy_changes += 1
    return Answer(_shown(found))


def _check_version(version: int | None) -> None:
    if version not in (None, 0, 1, CONDITIONS_VERSION):
        raise invalid(f"Invalid policy version {version}, expected 1 or 3.")


def _checked(store: Store, found: Bucket, binding: Mapping[str, Any]) -> JSON:
    role, members = binding.get("role", ""), binding.get("members") or []
    if not ROLE.fullmatch(role):
        raise invalid(f"Invalid role {role!r}, expected roles/NAME or projects/PROJECT/roles/NAME.")
    if len(members) > MOST_MEMBERS:
        raise invalid(f"The binding of {role} has {len(members)} members, expected at most {MOST_MEMBERS}.")
    for member in members:
        if member not in EVERYBODY and not MEMBER.fullmatch(member):
            raise invalid(f"Invalid member {member!r}, expected user:, serviceAccount:, group:, domain: or allUsers.")
        kind, _, email = member.partition(":")
        if kind == "serviceAccount" and not store.is_account(email):
            raise invalid(f"Service account {email} does not exist.")
    access = found.fields["iamConfiguration"]
    if EVERYBODY & set(members) and access["publicAccessPrevention"] == "enforced":
        raise condition_not_met(
            "The member bindings allUsers and allAuthenticatedUsers are not allowed since public access prevention is "
            "enforced."
        )
    if binding.get("condition") and not access["uniformBucketLevelAccess"]["enabled"]:
        raise invalid("Conditional bindings need uniform bucket-level access.")
    return {name: value for name, value in binding.items() if value is not None}


def _joined(bindings: Iterable[JSON]) -> list[JSON]:
    """One binding for each role and condition, without those that name nobody."""
    joined: dict[tuple[str, str], JSON] = {}
    for binding in bindings:
        key = (binding["role"], repr(binding.get("condition")))
        entry = joined.setdefault(key, {**binding, "members": []})
        entry["members"] = sorted({*entry["members"], *(binding.get("members") or [])})
    return [entry for entry in joined.values() if entry["members"]]


def test_permissions(store: Store, call: Call) -> Answer:
    """Answer which of some permissions the caller has."""
    resource = bucket_name(store.bucket(call.path["bucket"]).name)
    asked: list[str] = call.query.get("permissions") or []
    if not asked:
        raise invalid("Required parameter: permissions")
    for permission in asked:
        if not permission.startswith("storage."):
            raise invalid(f"Permission {permission} is not valid for this resource.")
    held = [permission for permission in asked if store.gate(call.token, permission, resource) is None]
    return Answer({"kind": "storage#testIamPermissionsResponse"} | ({"permissions": held} if held else {}))
