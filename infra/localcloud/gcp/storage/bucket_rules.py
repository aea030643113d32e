"""What a bucket's name and settings may be."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from infra.localcloud.gcp.storage.generations import STORAGE_CLASSES
from infra.localcloud.gcp.storage.refusals import invalid

# https://cloud.google.com/storage/docs/buckets#naming
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
LONGEST_PART = 63
# https://cloud.google.com/storage/docs/tags-and-labels#bucket-labels
MOST_LABELS = 64
LABEL_KEY = re.compile(r"[^\W\dA-Z_][\w-]{0,62}")
LABEL_VALUE = re.compile(r"[\w-]{0,63}")
# https://cloud.google.com/storage/docs/lifecycle
ACTIONS = ("Delete", "SetStorageClass", "AbortIncompleteMultipartUpload")
KEY = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")
# https://cloud.google.com/storage/docs/soft-delete#retention-duration
SOFT_DELETE_SECONDS = (604800, 7776000)
LONGEST_RETENTION_SECONDS = 3155760000


def check_name(name: str) -> None:
    """Check a bucket's name.

    Raises:
        Refusal: 400.
    """
    parts_fit = all(1 <= len(part) <= LONGEST_PART for part in name.split("."))
    reserved = name.startswith("goog") or "google" in name or "g00gle" in name
    if not NAME.fullmatch(name) or not parts_fit or reserved or _is_address(name):
        raise invalid(f"Invalid bucket name: '{name}'")


def _is_address(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


def check_settings(fields: Mapping[str, Any]) -> None:
    """Check the settings of a bucket as they would be after a change.

    Raises:
        Refusal: 400, naming the field, its value and what is allowed.
    """
    _check_labels(fields.get("labels", {}))
    _one_of("storageClass", fields["storageClass"], STORAGE_CLASSES)
    for position, rule in enumerate(fields.get("lifecycle", {}).get("rule", [])):
        _check_rule(f"lifecycle.rule[{position}]", rule)
    prevention = fields.get("iamConfiguration", {}).get("publicAccessPrevention", "inherited")
    _one_of("iamConfiguration.publicAccessPrevention", prevention, ("inherited", "enforced", "unspecified"))
    key = fields.get("encryption", {}).get("defaultKmsKeyName")
    if key is not None and not KEY.fullmatch(key):
        raise invalid(
            f"Invalid value at 'encryption.defaultKmsKeyName': {key!r}, expected "
            "projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY."
        )
    _check_durations(fields)


def _check_durations(fields: Mapping[str, Any]) -> None:
    soft = int(fields.get("softDeletePolicy", {}).get("retentionDurationSeconds", 0))
    least, most = SOFT_DELETE_SECONDS
    if soft and not least <= soft <= most:
        raise invalid(f"softDeletePolicy.retentionDurationSeconds is {soft}, expected 0 or {least} to {most}.")
    if (policy := fields.get("retentionPolicy")) is not None:
        period = int(policy.get("retentionPeriod", 0))
        if not 0 < period < LONGEST_RETENTION_SECONDS:
            raise invalid(
                f"retentionPolicy.retentionPeriod is {period}, expected 1 to {LONGEST_RETENTION_SECONDS - 1} seconds."
            )


def _check_labels(labels: Mapping[str, str]) -> None:
    if len(labels) > MOST_LABELS:
        raise invalid(f"labels has {len(labels)} entries, expected at most {MOST_LABELS}.")
    for key, value in labels.items():
        if not LABEL_KEY.fullmatch(key) or key != key.lower():
            raise invalid(f"Invalid label key {key!r}: a lower case letter, then up to 62 of a-z, 0-9, _ and -.")
        if not LABEL_VALUE.fullmatch(value) or value != value.lower():
            raise invalid(f"Invalid value {value!r} of label {key!r}: up to 63 of a-z, 0-9, _ and -.")


def _check_rule(path: str, rule: Mapping[str, Any]) -> None:
    action, condition = rule.get("action", {}), rule.get("condition")
    _one_of(f"{path}.action.type", action.get("type"), ACTIONS)
    if (action["type"] == "SetStorageClass") != ("storageClass" in action):
        raise invalid(f"{path}.action.storageClass belongs to SetStorageClass, and to it alone.")
    if "storageClass" in action:
        _one_of(f"{path}.action.storageClass", action["storageClass"], STORAGE_CLASSES)
    if not condition:
        raise invalid(f"{path}.condition is empty, expected at least one condition.")


def _one_of(path: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise invalid(f"Invalid value at '{path}': {value!r}, expected one of {', '.join(allowed)}.")
