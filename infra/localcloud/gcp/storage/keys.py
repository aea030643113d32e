"""Cloud Storage's own use of Cloud KMS keys: by its service agent, which needs a grant on each key.

Source: https://cloud.google.com/storage/docs/encryption/customer-managed-keys
"""

from collections.abc import Mapping
from typing import Any

from infra.localcloud.gcp.storage.refusals import forbidden
from infra.localcloud.gcp.storage.store import Store

ENCRYPT = "cloudkms.cryptoKeyVersions.useToEncrypt"
DECRYPT = "cloudkms.cryptoKeyVersions.useToDecrypt"


def check(store: Store, key: str, permission: str) -> None:
    """Check that the service agent may use a key; a version of it counts as the key.

    Raises:
        Refusal: 403.
    """
    name = key.partition("/cryptoKeyVersions/")[0]
    if store.gate(f"serviceAccount:{store.agent}", permission, name) is not None:
        raise forbidden(
            "Permission denied on Cloud KMS key. Please ensure that your Cloud Storage service account has been "
            f"authorized to use this key: {store.agent} lacks {permission} on {name}"
        )


def check_readable(store: Store, fields: Mapping[str, Any]) -> None:
    """Check that the service agent may read an object, by the key in its fields, where it has one.

    Raises:
        Refusal: 403.
    """
    if key := fields.get("kmsKeyName"):
        check(store, key, DECRYPT)
