"""Who acts: the role behind a request's credentials, and the policies that the role has now."""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

PARTITION = "aws"
TEMPORARY = ("ASIA", "LSIA")
"""How the access keys of sessions begin: the vendor's, and LocalStack's."""


@dataclass(frozen=True)
class Actor:
    """A session of a role.

    Attributes:
        account: of the role.
        role: the role's name.
        session: the session's name.
    """

    account: str
    role: str
    session: str

    @property
    def arn(self) -> str:
        """How the vendor names the session in its errors."""
        return f"arn:{PARTITION}:sts::{self.account}:assumed-role/{self.role}/{self.session}"

    def policies(self) -> list[Mapping[str, Any]]:
        """Return the documents of the role's inline and attached policies; none of a role that is gone."""
        try:
            role = iam_backends[self.account][PARTITION].get_role(self.role)
        except NotFoundException:
            return []
        attached = [
            version.document
            for policy in list(role.managed_policies.values())
            for version in policy.versions
            if version.version_id == policy.default_version_id
        ]
        return [_parsed(document) for document in (*list(role.policies.values()), *attached)]


def actor_of(access_key: str | None, account: str) -> Actor | None:
    """Return the session of a role that an access key belongs to; None for the account itself and for unknown keys."""
    if access_key is None or not access_key.startswith(TEMPORARY):
        return None
    return _session(access_key, account)


@functools.lru_cache(maxsize=4096)
def _session(access_key: str, account: str) -> Actor | None:
    for one in reversed(sts_backends[account][PARTITION].assumed_roles):
        if one.access_key_id == access_key:
            return Actor(one.role_arn.split(":")[4], one.role_arn.rsplit("/", 1)[-1], one.session_name)
    return None


@functools.lru_cache(maxsize=512)
def _parsed(document: str) -> Mapping[str, Any]:
    parsed: Mapping[str, Any] = json.loads(document)
    return parsed
