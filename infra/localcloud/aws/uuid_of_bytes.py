"""Gives Python 3.11 the `uuid.uuid5` of 3.12, without which LocalStack 4.13's KMS creates no key."""

import hashlib
import sys
import uuid

from localstack.runtime import hooks


def uuid5(namespace: uuid.UUID, name: str | bytes) -> uuid.UUID:
    """The UUID of a name in a namespace; a name may be bytes, as from Python 3.12 on (docs of module uuid)."""
    data = name.encode() if isinstance(name, str) else name
    return uuid.UUID(bytes=hashlib.sha1(namespace.bytes + data, usedforsecurity=False).digest()[:16], version=5)


@hooks.on_infra_start(priority=100)
def accept_bytes() -> None:
    """Called by LocalStack before the first service is loaded."""
    if sys.version_info < (3, 12):
        uuid.uuid5 = uuid5
