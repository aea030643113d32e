"""IAM: service accounts, custom roles, and access tokens of service accounts (iamcredentials)."""

import re
import secrets

from infra.localcloud.gcp import moments, policies
from infra.localcloud.gcp.call import Call
from infra.localcloud.gcp.errors import Json, invalid, not_found, precondition
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.store import Record

SERVICE = Service("iam.v1", section="iam")
CREDENTIALS = Service("iamcredentials.v1")
SERVICES = (SERVICE, CREDENTIALS)
ACCOUNTS = policies.ACCOUNTS
ROLES = "iam.projects.roles"
# Source: https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/create
ACCOUNT_ID = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
ROLE_ID = re.compile(r"[A-Za-z0-9_.]{3,64}")
DEFAULT_LIFETIME = "3600s"
MOST_LIFETIME_SECONDS = 43200.0


def _name_account(call: Call, body: Json) -> str:
    given = str(call.body.get("accountId", ""))
    if not ACCOUNT_ID.fullmatch(given):
        raise invalid(f"The account ID '{given}' must match {ACCOUNT_ID.pattern}.", field="accountId")
    return f"{call.name}/serviceAccounts/{given}@{call.project}.iam.gserviceaccount.com"


def _resolve_account(call: Call, name: str) -> str:
    """Return the account's name, where the request names it by its number, or its project as `-`."""
    _, _, account = name.rpartition("/")
    for record in call.cloud.store.all(ACCOUNTS):
        known = (record.body["email"], record.body["uniqueId"])
        if account in known and name.split("/")[1] in ("-", record.body["projectId"]):
            return record.name
    return name


def _fill_account(call: Call, record: Record) -> None:
    number = str(secrets.randbelow(9 * 10**20) + 10**20)
    email = record.name.rpartition("/")[2]
    record.body |= {"projectId": call.project, "uniqueId": number, "email": email, "oauth2ClientId": number}


def _account(call: Call) -> str:
    return _resolve_account(call, call.name)


@SERVICE.method(f"{ACCOUNTS}.disable")
def disable(call: Call) -> Json:
    """Let the account's tokens no longer work."""
    call.cloud.store.change(ACCOUNTS, _account(call), lambda record: record.body.update(disabled=True))
    return {}


@SERVICE.method(f"{ACCOUNTS}.enable")
def enable(call: Call) -> Json:
    """Let the account's tokens work again."""
    call.cloud.store.change(ACCOUNTS, _account(call), lambda record: record.body.pop("disabled", None))
    return {}


def _name_role(call: Call, body: Json) -> str:
    given = str(call.body.get("roleId", ""))
    if not ROLE_ID.fullmatch(given):
        raise invalid(f"The role_id '{given}' must match {ROLE_ID.pattern}.", field="roleId")
    return f"{call.name}/roles/{given}"


@SERVICE.method(f"{ROLES}.delete")
def delete_role(call: Call) -> Json:
    """Mark a role as deleted. Its name cannot be used again for weeks; `undelete` brings it back."""

    def change(record: Record) -> None:
        if record.body.get("deleted"):
            raise precondition(f"The role named {record.name} is already deleted.")
        record.body["deleted"] = True

    return call.cloud.store.change(ROLES, call.name, change).body


@SERVICE.method(f"{ROLES}.undelete")
def undelete_role(call: Call) -> Json:
    """Bring a deleted role back."""

    def change(record: Record) -> None:
        if not record.body.pop("deleted", False):
            raise precondition(f"The role named {record.name} is not deleted.")

    return call.cloud.store.change(ROLES, call.name, change).body


@CREDENTIALS.method("iamcredentials.projects.serviceAccounts.generateAccessToken")
def generate_access_token(call: Call) -> Json:
    """A token with which the caller acts as the account."""
    name = _resolve_account(call, call.name)
    found = call.cloud.store.find(ACCOUNTS, name)
    if found is None or found.body.get("disabled"):
        raise not_found(f"Unknown service account {call.name.rpartition('/')[2]}")
    if not call.body.get("scope"):
        raise invalid("Scope required.", field="scope")
    lifetime = call.body.get("lifetime", DEFAULT_LIFETIME)
    if not 0 < moments.seconds(lifetime) <= MOST_LIFETIME_SECONDS:
        raise invalid(f"The lifetime {lifetime} is not within {MOST_LIFETIME_SECONDS:.0f}s.", field="lifetime")
    token = call.cloud.tokens.issue(found.body["email"])
    return {"accessToken": token, "expireTime": moments.after(moments.moment(moments.now()), lifetime)}


SERVICE.hooks("serviceAccounts").naming = _name_account
SERVICE.hooks("serviceAccounts").resolving = _resolve_account
SERVICE.hooks("serviceAccounts").filling = _fill_account
SERVICE.hooks("roles").naming = _name_role
policies.serve(SERVICE, ACCOUNTS, named=_account)
