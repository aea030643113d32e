"""Secret Manager: secrets and their versions, whose payloads are kept and given out."""

import base64

from infra.localcloud.gcp import moments, policies
from infra.localcloud.gcp.call import Call, Cloud
from infra.localcloud.gcp.errors import Json, Refusal, invalid, not_found, precondition
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.store import Record

SERVICE = Service("secretmanager.v1", section="secretmanager")
SECRETS = "secretmanager.projects.secrets"
VERSIONS = f"{SECRETS}.versions"
MOST_BYTES = 65536


def _fill(call: Call, record: Record) -> None:
    if not record.body.get("replication"):
        raise invalid("The replication of a secret must be given.", field="secret.replication")


def _remove_versions(call: Call, record: Record) -> None:
    for version in call.cloud.store.all(VERSIONS, f"{record.name}/versions/"):
        call.cloud.store.remove(VERSIONS, version.name)


@SERVICE.method(f"{SECRETS}.addVersion")
def add_version(call: Call) -> Json:
    """A new version with a payload; the number counts up and is never given again."""
    data = base64.b64decode(call.body.get("payload", {}).get("data", ""))
    if len(data) > MOST_BYTES:
        raise invalid(f"The payload has {len(data)} bytes; at most {MOST_BYTES} are allowed.", field="payload.data")
    store = call.cloud.store
    with store.locked():
        secret = store.get(SECRETS, call.name)
        number = secret.hidden.get("versions", 0) + 1
        store.change(SECRETS, secret.name, lambda record: record.hidden.update(versions=number))
        name = f"{secret.name}/versions/{number}"
        body = {
            "name": name,
            "createTime": moments.now(),
            "state": "ENABLED",
            "replicationStatus": {kind: {} for kind in secret.body["replication"]},
            "etag": f'"{number:x}"',
        }
        return store.add(VERSIONS, Record(name, body, {"data": data})).body


@SERVICE.method(f"{VERSIONS}.get")
def get_version(call: Call) -> Json:
    """One version, by its number or as `latest`."""
    return _version(call).body


@SERVICE.method(f"{VERSIONS}.access")
def access(call: Call) -> Json:
    """The payload of an enabled version."""
    version = _version(call)
    if version.body["state"] != "ENABLED":
        raise precondition(f"Secret Version [{version.name}] is in {version.body['state']} state.")
    return {"name": version.name, "payload": {"data": base64.b64encode(version.hidden["data"]).decode()}}


@SERVICE.method(f"{VERSIONS}.enable", f"{VERSIONS}.disable", f"{VERSIONS}.destroy")
def switch(call: Call) -> Json:
    """Enable, disable or destroy a version; a destroyed one stays so."""
    state = {"enable": "ENABLED", "disable": "DISABLED", "destroy": "DESTROYED"}[call.method.verb_name]

    def change(record: Record) -> None:
        if record.body["state"] == "DESTROYED":
            raise precondition(f"Secret Version [{record.name}] is in DESTROYED state.")
        record.body["state"] = state
        if state == "DESTROYED":
            record.body["destroyTime"] = moments.now()
            record.hidden.pop("data", None)

    return call.cloud.store.change(VERSIONS, _version(call).name, change).body


def payload(cloud: Cloud, name: str) -> bytes | None:
    """Return the payload of a version, None unless it is there and enabled."""
    try:
        version = _found(cloud, name)
    except Refusal:
        return None
    data: bytes | None = version.hidden.get("data") if version.body["state"] == "ENABLED" else None
    return data


def _version(call: Call) -> Record:
    return _found(call.cloud, call.name)


def _found(cloud: Cloud, name: str) -> Record:
    if not name.endswith("/latest"):
        return cloud.store.get(VERSIONS, name)
    found = cloud.store.all(VERSIONS, name.removesuffix("latest"))
    if not found:
        raise not_found(name)
    return found[-1]


SERVICE.hooks("secrets").filling = _fill
SERVICE.hooks("secrets").removing = _remove_versions
policies.serve(SERVICE, SECRETS)
