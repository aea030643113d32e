"""What a request needs: the permission of its method on its resource, and to act as the accounts that it names."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from infra.localcloud.gcp.call import PROJECT, Call
from infra.localcloud.gcp.routes import Method
from infra.localcloud.gcp.store import ACCOUNTS, policy_key

ACT_AS = "iam.serviceAccounts.actAs"
# Fields by which requests name the account under which something is to run.
ACCOUNT_FIELDS = ("serviceAccount", "serviceAccountEmail")
# What these methods' ids have between service and kind.
_PLACES = ("projects", "locations")
_FREE = ("operations", "testIamPermissions")


@dataclass(frozen=True)
class Demand:
    """A permission on a resource.

    Attributes:
        permission: such as `aiplatform.customJobs.create`.
        resource: the full resource name, such as `//aiplatform.googleapis.com/projects/p/locations/l`.
    """

    permission: str
    resource: str


def demands_of(call: Call) -> Iterator[Demand]:
    """Yield all that a request needs."""
    permission = permission_of(call.method)
    if permission:
        yield Demand(permission, f"//{permission.partition('.')[0]}.googleapis.com/{_resource(call)}")
    if call.method.verb != "GET" and call.method.document.api != "iam.v1":
        for email in dict.fromkeys(_accounts(call.body)):
            yield Demand(ACT_AS, policy_key(ACCOUNTS, f"projects/{PROJECT}/serviceAccounts/{email}"))


def permission_of(method: Method) -> str:
    """Return the permission that a method needs; empty for one that everybody may call."""
    table = _table()
    service, *kinds, verb = method.id.split(".")
    words = [service, *(kind for kind in kinds if kind not in _PLACES or kinds == ["projects"]), verb]
    key = ".".join(words)
    if key in table["methods"]:
        return str(table["methods"][key])
    if words[-2] in _FREE or verb in _FREE:
        return ""
    return ".".join((table["services"].get(service, service), words[-2], table["verbs"].get(verb, verb)))


def _resource(call: Call) -> str:
    if not call.path:
        names = call.body.get("resourceNames") or [call.body.get("logName", "")]
        return str(names[0]).partition("/logs/")[0] or f"projects/{PROJECT}"
    if call.method.document.api.startswith("cloudresourcemanager"):
        return f"projects/{call.name.removeprefix('projects/')}"
    return call.name.replace("projects/-/", f"projects/{PROJECT}/")


def _accounts(body: Any) -> Iterator[str]:
    if isinstance(body, dict):
        for name, value in body.items():
            if name in ACCOUNT_FIELDS and isinstance(value, str) and value:
                yield value
            else:
                yield from _accounts(value)
    elif isinstance(body, list):
        for value in body:
            yield from _accounts(value)


@cache
def _table() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_name("demands.toml").read_text())
    return found
