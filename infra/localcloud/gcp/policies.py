"""IAM policies on resources of every service: getIamPolicy, setIamPolicy and testIamPermissions, once for all."""

import base64
import re
import secrets
from collections.abc import Callable

from infra.localcloud.gcp.call import PROJECT, Call
from infra.localcloud.gcp.errors import Json, invalid, stale
from infra.localcloud.gcp.permissions.gate import permits
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.store import ACCOUNTS, POLICIES, Record, policy_key

__all__ = ["ACCOUNTS", "read", "serve", "write"]

# Source: https://cloud.google.com/iam/docs/principal-identifiers
MEMBER = re.compile(
    r"allUsers|allAuthenticatedUsers|(user|group|domain|serviceAccount|projectOwner|projectEditor|projectViewer|"
    r"principal|principalSet|deleted):\S+"
)
ROLE = re.compile(r"(roles|(projects|organizations)/[^/]+/roles)/[A-Za-z0-9_.]+")
# Source: https://cloud.google.com/iam/docs/policies#versions
CONDITIONS_VERSION = 3

Named = Callable[[Call], str]


def serve(service: Service, prefix: str, *, existing: bool = True, named: Named | None = None) -> None:
    """Let a service answer the three methods of the resources whose methods' ids begin with a prefix.

    Args:
        service: whose.
        prefix: such as `cloudkms.projects.locations.keyRings`; also the collection of the resources.
        existing: whether the resource must exist in that collection.
        named: returns the resource's full name, where the path does not have it.
    """

    def found(call: Call) -> tuple[str, str]:
        name = named(call) if named else call.name
        if existing:
            call.cloud.store.get(prefix, name)
        return prefix, name

    @service.method(f"{prefix}.getIamPolicy")
    def get(call: Call) -> Json:
        return read(call, *found(call))

    @service.method(f"{prefix}.setIamPolicy")
    def set_(call: Call) -> Json:
        return write(call, *found(call))

    @service.method(f"{prefix}.testIamPermissions")
    def test(call: Call) -> Json:
        at, account = policy_key(*found(call)), call.principal
        asked = call.body.get("permissions", [])
        held = [one for one in asked if account is None or permits(call.cloud, account, one, at, {})]
        return {"permissions": held} if held else {}


def read(call: Call, collection: str, name: str) -> Json:
    """Return the policy of a resource; one that was never set has no bindings."""
    kept = call.cloud.store.find(POLICIES, policy_key(collection, name))
    return kept.body if kept else {"version": 1, "etag": "ACAB"}


def write(call: Call, collection: str, name: str) -> Json:
    """Replace the policy of a resource.

    Raises:
        Refusal: INVALID_ARGUMENT for a wrong member or role, ABORTED for a stale etag.
    """
    policy = call.body.get("policy", {})
    _check(call, policy)
    store, at = call.cloud.store, policy_key(collection, name)
    with store.locked():
        current = read(call, collection, name)
        if policy.get("etag") and policy["etag"] != current["etag"]:
            raise stale(name)
        etag = base64.b64encode(secrets.token_bytes(8)).decode()
        kept = {**policy, "bindings": _merged(policy.get("bindings", [])), "etag": etag}
        body = {"version": 1, **{name: value for name, value in kept.items() if value or name == "version"}}
        if store.find(POLICIES, at):

            def replace(record: Record) -> None:
                record.body = body

            return store.change(POLICIES, at, replace).body
        return store.add(POLICIES, Record(at, body)).body


def _check(call: Call, policy: Json) -> None:
    if any("condition" in one for one in policy.get("bindings", [])) and policy.get("version") != CONDITIONS_VERSION:
        raise invalid(
            f"Conditional role bindings need version {CONDITIONS_VERSION} of the policy.", field="policy.version"
        )
    for position, binding in enumerate(policy.get("bindings", [])):
        at = f"policy.bindings[{position}]"
        if not ROLE.fullmatch(binding.get("role", "")):
            raise invalid(f"Role {binding.get('role', '')} is not supported for this resource.", field=f"{at}.role")
        for member in binding.get("members", []):
            if not MEMBER.fullmatch(member):
                raise invalid(f"The member {member} is of an unknown type.", field=f"{at}.members")
            _require_account(call, member, f"{at}.members")


def _require_account(call: Call, member: str, at: str) -> None:
    """Google refuses a service account that does not exist; its own agents exist always."""
    kind, _, email = member.partition(":")
    project = email.partition("@")[2].removesuffix(".iam.gserviceaccount.com")
    if kind != "serviceAccount" or project != PROJECT:
        return
    if call.cloud.store.find(ACCOUNTS, f"projects/{PROJECT}/serviceAccounts/{email}") is None:
        raise invalid(f"Service account {email} does not exist.", field=at)


def _merged(bindings: list[Json]) -> list[Json]:
    """Return one binding per role and condition, without those that have no members, as Google keeps them."""
    found: dict[str, Json] = {}
    for binding in bindings:
        place = found.setdefault(f"{binding['role']} {binding.get('condition')}", {**binding, "members": []})
        place["members"] += [one for one in binding.get("members", []) if one not in place["members"]]
    return [binding for binding in found.values() if binding["members"]]
