"""The gate itself: lets a service account through where the policies of a resource or of what it is in allow it."""

import fnmatch
import logging
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from infra.localcloud.gcp.call import PROJECT, Call, Cloud
from infra.localcloud.gcp.errors import Json, denied
from infra.localcloud.gcp.permissions import audit
from infra.localcloud.gcp.permissions.conditions import Asked, ConditionError, met
from infra.localcloud.gcp.permissions.demands import demands_of
from infra.localcloud.gcp.store import policy_key

LOG = logging.getLogger(__name__)
CUSTOM_ROLES = "iam.projects.roles"
EVERYBODY = ("allUsers", "allAuthenticatedUsers")
ACCOUNTS_DOMAIN = f"@{PROJECT}.iam.gserviceaccount.com"
# Keys are the one thing for which people must grant something to Google's own agents: the agents' roles in the project,
# which Google gives them, hold everything else that they do here.
JUDGED_OF_AGENTS = "cloudkms."
PROJECT_POLICY = policy_key("cloudresourcemanager", f"projects/{PROJECT}")
# Types of resources that conditions may ask for, by service and the part of the name before the id.
TYPES = {
    ("storage", "objects"): "storage.googleapis.com/Object",
    ("storage", "buckets"): "storage.googleapis.com/Bucket",
    ("cloudsql", "instances"): "sqladmin.googleapis.com/Instance",
    ("secretmanager", "secrets"): "secretmanager.googleapis.com/Secret",
    ("secretmanager", "versions"): "secretmanager.googleapis.com/SecretVersion",
}


def check(call: Call) -> None:
    """Refuse a request that its service account may not make.

    Raises:
        Refusal: PERMISSION_DENIED, naming permission and resource.
    """
    if call.principal is None:
        return
    for demand in demands_of(call):
        if not permits(call.cloud, call.principal, demand.permission, demand.resource, {}, method=call.method.id):
            raise denied(demand.permission, demand.resource)


def permits(
    cloud: Cloud, account: str, permission: str, resource: str, attributes: Mapping[str, str], **more: str
) -> bool:
    """Return whether a service account has a permission on a resource, and note it.

    Args:
        cloud: whose policies judge.
        account: the account's e-mail address.
        permission: such as `storage.objects.get`.
        resource: the full resource name, such as `//storage.googleapis.com/projects/_/buckets/b/objects/o`.
        attributes: what conditions find by `api.getAttribute`.
        more: what else the record is to hold.
    """
    if account.endswith(ACCOUNTS_DOMAIN) or permission.startswith(JUDGED_OF_AGENTS):
        allowed = _judged(cloud, account, permission, asked_of(resource, attributes), resource)
    else:
        allowed = True
    audit.note(cloud.home, account, permission, resource, allowed=allowed, more=more)
    return allowed


def _judged(cloud: Cloud, account: str, permission: str, asked: Asked, resource: str) -> bool:
    members = (f"serviceAccount:{account}", *EVERYBODY)
    for binding in _bindings(cloud, resource):
        is_meant = any(member in members for member in binding.get("members", []))
        if is_meant and _holds(cloud, binding["role"], permission) and _applies(binding, asked):
            return True
    return False


def _bindings(cloud: Cloud, resource: str) -> Iterator[Json]:
    for name in (*holders(resource), PROJECT_POLICY):
        for source in (cloud.kept_policy, *cloud.policy_sources):
            yield from (source(name) or {}).get("bindings", [])


def _holds(cloud: Cloud, role: str, permission: str) -> bool:
    if role.startswith("projects/"):
        kept = cloud.store.find(CUSTOM_ROLES, role)
        if kept is None or kept.body.get("deleted"):
            return False
        return permission in kept.body.get("includedPermissions", [])
    patterns = _predefined().get(role)
    if patterns is None:
        LOG.warning("the role %s is not in permissions/roles.toml: it allows nothing here", role)
        return False
    return any(fnmatch.fnmatchcase(permission, pattern) for pattern in patterns)


def asked_of(resource: str, attributes: Mapping[str, str]) -> Asked:
    """Return what conditions see of a full resource name."""
    host, _, name = resource.removeprefix("//").partition("/")
    service = host.partition(".")[0]
    kind = name.split("/")[-2] if name.count("/") else ""
    if service == "storage" and "/objects/" in name:
        kind = "objects"
    shown = "sqladmin.googleapis.com" if service == "cloudsql" else host
    return Asked(name, TYPES.get((service, kind), ""), shown, attributes)


def holders(resource: str) -> Iterable[str]:
    """Return the full names of a resource and of all that it is in, below the project."""
    host, _, name = resource.removeprefix("//").partition("/")
    if host.startswith("storage.") and "/objects/" in name:
        return (f"//{host}/{name.partition('/objects/')[0]}",)
    words = name.split("/")
    return [f"//{host}/{'/'.join(words[:end])}" for end in range(len(words), 2, -2)]


def _applies(binding: Json, asked: Asked) -> bool:
    expression = binding.get("condition", {}).get("expression", "")
    if not expression:
        return True
    try:
        return met(expression, asked)
    except ConditionError as error:
        LOG.warning("the condition %r counts as not met: %s", expression, error)
        return False


@cache
def _predefined() -> Mapping[str, list[str]]:
    found: dict[str, Any] = tomllib.loads(Path(__file__).with_name("roles.toml").read_text())
    roles: Mapping[str, list[str]] = found["roles"]
    return roles
