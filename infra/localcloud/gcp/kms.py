"""Cloud KMS: key rings, keys and their versions, which really encrypt and decrypt."""

import base64
import secrets
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.localcloud.gcp import moments, policies
from infra.localcloud.gcp.call import Call
from infra.localcloud.gcp.errors import Json, invalid, precondition
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.store import Record

SERVICE = Service("cloudkms.v1", section="kms")
KEYS = "cloudkms.projects.locations.keyRings.cryptoKeys"
VERSIONS = f"{KEYS}.cryptoKeyVersions"
# Source: https://cloud.google.com/kms/docs/reference/rest/v1/CryptoKeyVersionAlgorithm
SYMMETRIC = "GOOGLE_SYMMETRIC_ENCRYPTION"
# Of a version between the wish to destroy it and its end. Source: https://cloud.google.com/kms/docs/destroy-restore
LEAST_SECONDS, MOST_SECONDS = 86400, 120 * 86400
_NONCE_BYTES = 12


def _fill_key(call: Call, record: Record) -> None:
    template = record.body.setdefault("versionTemplate", {})
    template.setdefault("algorithm", SYMMETRIC)
    template.setdefault("protectionLevel", "SOFTWARE")
    if record.body["purpose"] == "ENCRYPT_DECRYPT" and template["algorithm"] != SYMMETRIC:
        raise invalid(
            f"Algorithm {template['algorithm']} does not fit purpose ENCRYPT_DECRYPT.", field="versionTemplate"
        )
    if not LEAST_SECONDS <= moments.seconds(record.body["destroyScheduledDuration"]) <= MOST_SECONDS:
        text = "destroy_scheduled_duration must be from 24 hours to 120 days."
        raise invalid(text, field="destroyScheduledDuration")
    if "rotationPeriod" in record.body and "nextRotationTime" not in record.body:
        raise invalid("next_rotation_time is required with rotation_period.", field="nextRotationTime")


def _first_version(call: Call, record: Record) -> None:
    if call.query.get("skipInitialVersionCreation"):
        return
    made = _add_version(call, record.name, record.body["versionTemplate"])
    if record.body["purpose"] == "ENCRYPT_DECRYPT":
        call.cloud.store.change(KEYS, record.name, lambda key: key.hidden.update(primary=made.name))


def _show_key(call: Call, record: Record) -> Json:
    primary = record.hidden.get("primary")
    return {**record.body, "primary": call.cloud.store.get(VERSIONS, primary).body} if primary else record.body


@SERVICE.method(f"{VERSIONS}.create")
def create_version(call: Call) -> Json:
    """A new version, which does not become the primary one by itself."""
    key = call.cloud.store.get(KEYS, call.name)
    return _add_version(call, key.name, key.body["versionTemplate"]).body


@SERVICE.method(f"{KEYS}.updatePrimaryVersion")
def update_primary(call: Call) -> Json:
    """Encrypt with another version from now on."""
    name = f"{call.name}/cryptoKeyVersions/{call.body.get('cryptoKeyVersionId', '')}"
    if call.cloud.store.get(VERSIONS, name).body["state"] != "ENABLED":
        raise precondition(f"{name} is not enabled.")
    changed = call.cloud.store.change(KEYS, call.name, lambda key: key.hidden.update(primary=name))
    return _show_key(call, changed)


@SERVICE.method(f"{VERSIONS}.destroy")
def destroy_version(call: Call) -> Json:
    """Schedule a version's destruction; it can be restored until then."""
    key = call.cloud.store.get(KEYS, call.name.rsplit("/", 2)[0])
    when = moments.after(call.cloud.clock.now(), key.body["destroyScheduledDuration"])

    def change(version: Record) -> None:
        if version.body["state"] not in ("ENABLED", "DISABLED"):
            raise precondition(f"{version.name} is in state {version.body['state']} and cannot be destroyed.")
        version.body |= {"state": "DESTROY_SCHEDULED", "destroyTime": when}

    return call.cloud.store.change(VERSIONS, call.name, change).body


@SERVICE.method(f"{VERSIONS}.restore")
def restore_version(call: Call) -> Json:
    """Take back a scheduled destruction; the version is disabled then."""

    def change(version: Record) -> None:
        if version.body["state"] != "DESTROY_SCHEDULED":
            raise precondition(f"{version.name} is in state {version.body['state']}: nothing to restore.")
        version.body["state"] = "DISABLED"
        version.body.pop("destroyTime", None)

    return call.cloud.store.change(VERSIONS, call.name, change).body


@SERVICE.method(f"{KEYS}.encrypt")
def encrypt(call: Call) -> Json:
    """Encrypt with the primary version, or with the version that the path names."""
    name = call.name
    if "/cryptoKeyVersions/" not in name:
        name = call.cloud.store.get(KEYS, name).hidden.get("primary", f"{name}/cryptoKeyVersions/")
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = _cipher(call, name).encrypt(nonce, _bytes(call.body, "plaintext"), _associated(call.body))
    number = int(name.rpartition("/")[2]).to_bytes(4, "big")
    return {
        "name": name,
        "ciphertext": base64.b64encode(number + nonce + sealed).decode(),
        "protectionLevel": "SOFTWARE",
    }


@SERVICE.method(f"{KEYS}.decrypt")
def decrypt(call: Call) -> Json:
    """Decrypt with the version that encrypted."""
    sealed = _bytes(call.body, "ciphertext")
    number, nonce, text = int.from_bytes(sealed[:4], "big"), sealed[4 : 4 + _NONCE_BYTES], sealed[4 + _NONCE_BYTES :]
    key = call.cloud.store.get(KEYS, call.name)
    try:
        plain = _cipher(call, f"{key.name}/cryptoKeyVersions/{number}").decrypt(nonce, text, _associated(call.body))
    except (InvalidTag, ValueError) as error:
        raise invalid("Decryption failed: verify that 'name' refers to the correct CryptoKey.") from error
    return {"plaintext": base64.b64encode(plain).decode(), "protectionLevel": "SOFTWARE"}


def _add_version(call: Call, key: str, template: dict[str, Any]) -> Record:
    store = call.cloud.store
    with store.locked():
        number = len(store.all(VERSIONS, f"{key}/")) + 1
        now = moments.now()
        body = {
            "name": f"{key}/cryptoKeyVersions/{number}",
            "state": "ENABLED",
            "createTime": now,
            "generateTime": now,
            **template,
        }
        return store.add(VERSIONS, Record(body["name"], body, {"key": AESGCM.generate_key(256)}))


def _cipher(call: Call, version: str) -> AESGCM:
    found = call.cloud.store.get(VERSIONS, version)
    if found.body["state"] != "ENABLED":
        raise precondition(f"{version} is not enabled, its current state is: {found.body['state']}.")
    return AESGCM(found.hidden["key"])


def _bytes(body: Json, name: str) -> bytes:
    return base64.b64decode(body.get(name, ""))


def _associated(body: Json) -> bytes | None:
    return base64.b64decode(body["additionalAuthenticatedData"]) if "additionalAuthenticatedData" in body else None


for _kind in ("cloudkms.projects.locations.keyRings", KEYS):
    policies.serve(SERVICE, _kind)
SERVICE.hooks("cryptoKeys").filling = _fill_key
SERVICE.hooks("cryptoKeys").created = _first_version
SERVICE.hooks("cryptoKeys").showing = _show_key
