"""Vertex AI's own use of Cloud KMS keys: by its service agent, which needs a grant on each key.

Source: https://cloud.google.com/vertex-ai/docs/general/cmek
"""

from infra.localcloud.gcp.call import PROJECT_NUMBER, Call
from infra.localcloud.gcp.errors import Json, Refusal, invalid, precondition
from infra.localcloud.gcp.permissions.gate import permits
from infra.localcloud.gcp.store import Record, policy_key

AGENT = f"service-{PROJECT_NUMBER}@gcp-sa-aiplatform.iam.gserviceaccount.com"
KEYS = "cloudkms.projects.locations.keyRings.cryptoKeys"
NEEDED = ("cloudkms.cryptoKeyVersions.useToEncrypt", "cloudkms.cryptoKeyVersions.useToDecrypt")


def key_of(body: Json) -> str:
    """Return the name of a resource's key; empty where Google's own key is used."""
    return str(body.get("encryptionSpec", {}).get("kmsKeyName", ""))


def check_key(call: Call, body: Json) -> None:
    """Check that the service agent may use the key of a new resource, where it has one.

    Raises:
        Refusal: INVALID_ARGUMENT for a key that does not exist, or is elsewhere; PERMISSION_DENIED.
    """
    name = key_of(body)
    if not name:
        return
    location = call.name.split("/")[3]
    if call.cloud.store.find(KEYS, name) is None or name.split("/")[3] != location:
        raise invalid(
            f"The key '{name}' does not exist in {location}, where the resource is.", field="encryptionSpec.kmsKeyName"
        )
    for permission in NEEDED:
        if not permits(call.cloud, AGENT, permission, policy_key(KEYS, name), {}, method=call.method.id):
            raise Refusal(
                "PERMISSION_DENIED",
                f"Vertex AI's service agent {AGENT} lacks {permission} on {name}. Grant it the role "
                "roles/cloudkms.cryptoKeyEncrypterDecrypter on the key.",
            )


def filling(call: Call, record: Record) -> None:
    """Check a new resource's key: a hook for those kinds that have nothing else to check."""
    check_key(call, record.body)


def check_same(endpoint: Json, version: Json) -> None:
    """Raise FAILED_PRECONDITION for a model that is not encrypted by the key of the endpoint that is to serve it."""
    if key_of(endpoint) != key_of(version):
        raise precondition(
            f"The Endpoint is encrypted by '{key_of(endpoint) or 'a key of Google'}', the Model by "
            f"'{key_of(version) or 'a key of Google'}'; they must have the same key."
        )
