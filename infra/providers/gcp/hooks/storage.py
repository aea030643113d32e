"""Cloud Storage: what buckets and objects need besides their tables."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.providers.gcp.calls import Calls
from infra.providers.gcp.hooks import Hook
from infra.providers.kit.resource import Change, DiffCall, Failure
from infra.providers.kit.tables import Call
from infra.providers.kit.values import UNKNOWN, Properties, Special, Value, has_unknown

# `withState` of a lifecycle's condition is `isLive` of the API's.
_STATES = {"LIVE": True, "ARCHIVED": False}
_TEXT, _BYTES = "text/plain; charset=utf-8", "application/octet-stream"


class BucketHook(Hook):
    """A bucket: states of a lifecycle, and emptied before its deletion if the program says so."""

    def create_arguments(self, calls: Calls, args: dict[str, Any], inputs: Properties) -> dict[str, Any]:
        """Say whether a rule is about live objects."""
        _lively(args)
        return args

    def update_arguments(self, call: Call, args: dict[str, Any], inputs: Properties) -> dict[str, Any]:
        """Say whether a rule is about live objects."""
        _lively(args)
        return args

    def document(self, calls: Calls, document: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        """Say which state of objects a rule is about."""
        words = {live: word for word, live in _STATES.items()}
        for condition in _conditions(document):
            if "isLive" in condition:
                condition["isLive"] = words[condition["isLive"]]
        return document

    def delete(self, calls: Calls, outputs: Properties, known: dict[str, Any]) -> bool:
        """Delete all generations of all objects first, if `forceDestroy` was applied."""
        if outputs.get("forceDestroy"):
            for each in calls("objects.list", bucket=known["id"], versions=True).get("items", ()):
                calls("objects.delete", bucket=known["id"], object=each["name"], generation=each["generation"])
        return False


def _conditions(bucket: dict[str, Any]) -> Iterator[dict[str, Any]]:
    rules = (bucket.get("lifecycle") or {}).get("rule") or ()
    yield from (rule["condition"] for rule in rules if "condition" in rule)


def _lively(args: dict[str, Any]) -> None:
    for condition in _conditions(args):
        state = condition.pop("isLive", "ANY")
        if state in _STATES:
            condition["isLive"] = _STATES[state]


class ObjectHook(Hook):
    """An object, whose content is uploaded again when it is not what the program says."""

    def check(self, inputs: Properties) -> Iterator[Failure]:
        """Refuse assets that are not on this machine."""
        source = inputs.get("source")
        if isinstance(source, Special) and not {"path", "text"} & source.fields.keys():
            yield Failure("source", "only files and texts can be uploaded by the local stand-in")

    def adjust(self, changes: dict[str, Change], call: DiffCall) -> dict[str, Change]:
        """Show that what is live is not the content that the program gives, by its digest."""
        if "content" in changes or "source" in changes or has_unknown(_given(call.news)):
            return changes
        alike = call.olds.get("md5hash") == _digest(_content(call.news))
        return changes if alike else {**changes, "detectMd5hash": Change.UPDATE}

    def create(self, calls: Calls, args: dict[str, Any], inputs: Properties) -> Any:
        """Upload the object."""
        return _upload(calls, args, inputs)

    def after_update(self, calls: Calls, inputs: Properties, olds: Properties, known: dict[str, Any]) -> None:
        """Upload the object again, if its content is another."""
        if olds.get("md5hash") != _digest(_content(inputs)):
            names = [name for name in inputs if name in calls.type.fields]
            _upload(calls, calls.arguments(calls.type.create, inputs, names, known), inputs)

    def document(self, calls: Calls, document: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        """Add the digest as hexadecimal digits."""
        return {**document, "md5Hex": base64.b64decode(document.get("md5Hash", "")).hex()}


def _upload(calls: Calls, args: dict[str, Any], inputs: Properties) -> Any:
    from googleapiclient.http import MediaInMemoryUpload

    content = _content(inputs)
    media = MediaInMemoryUpload(content, mimetype=args.get("contentType") or _kind(content))
    return calls(calls.type.create.operation, **args, media=media)


def _kind(content: bytes) -> str:
    try:
        content.decode()
    except UnicodeDecodeError:
        return _BYTES
    return _TEXT


def _given(inputs: Properties) -> Value:
    return inputs["source"] if "source" in inputs else inputs.get("content", UNKNOWN)


def _content(inputs: Properties) -> bytes:
    source = inputs.get("source")
    if isinstance(source, Special):
        return Path(source.fields["path"]).read_bytes() if "path" in source.fields else source.fields["text"].encode()
    return str(inputs.get("content", "")).encode()


def _digest(content: bytes) -> str:
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
