"""Joins Cloud Storage to the local Google Cloud: its objects below the cloud's folder, its acts judged by the gate."""

from starlette.routing import BaseRoute

from infra.localcloud.gcp.call import PROJECT, Cloud
from infra.localcloud.gcp.errors import Json
from infra.localcloud.gcp.permissions.gate import ACCOUNTS_DOMAIN, permits
from infra.localcloud.gcp.storage.routes import routes as routes_of
from infra.localcloud.gcp.storage.store import Store, bucket_name
from infra.localcloud.gcp.store import ACCOUNTS

FOLDER = "storage"
ACCOUNT = "serviceAccount:"
BUCKETS = f"//storage.googleapis.com/{bucket_name('')}"
# Source: https://cloud.google.com/iam/docs/conditions-attribute-reference#obj-list-prefix
LIST_PREFIX = "storage.googleapis.com/objectListPrefix"


def routes(cloud: Cloud) -> list[BaseRoute]:
    """The routes of Cloud Storage; objects' bytes lie below the cloud's own folder."""

    def gate(token: str | None, permission: str, resource: str, prefix: str | None = None) -> str | None:
        """Answer None for yes, for no the account that lacks the permission. Services name an account for a token."""
        is_named = token is not None and token.startswith(ACCOUNT)
        account = str(token).removeprefix(ACCOUNT) if is_named else cloud.tokens.owner(f"Bearer {token}")
        if account is None:
            return None
        name = f"//{permission.partition('.')[0]}.googleapis.com/{resource}"
        attributes = {} if prefix is None else {LIST_PREFIX: prefix}
        return None if permits(cloud, account, permission, name, attributes) else account

    def policy(name: str) -> Json | None:
        found = store.buckets.get(name.removeprefix(BUCKETS)) if name.startswith(BUCKETS) else None
        return found.policy if found else None

    def is_account(email: str) -> bool:
        """Answer yes for other projects' accounts and for Google's own agents, which nobody here could know."""
        name = f"projects/{PROJECT}/serviceAccounts/{email}"
        return not email.endswith(ACCOUNTS_DOMAIN) or cloud.store.find(ACCOUNTS, name) is not None

    store = Store(cloud.home / FOLDER, gate, is_account)
    cloud.policy_sources.append(policy)
    return routes_of(store)
