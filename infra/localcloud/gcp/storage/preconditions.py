"""The preconditions of requests: generations, metagenerations and entity tags."""

import base64
from collections.abc import Mapping
from typing import Any, Protocol

from infra.localcloud.gcp.storage.calls import Call
from infra.localcloud.gcp.storage.refusals import condition_not_met, not_modified

NAMES = ("GenerationMatch", "GenerationNotMatch", "MetagenerationMatch", "MetagenerationNotMatch")


class Numbered(Protocol):
    """What preconditions look at: a generation of an object, or a bucket."""

    generation: int
    metageneration: int


def _varint(value: int) -> bytes:
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def etag(generation: int | None, metageneration: int) -> str:
    """The entity tag, which like Google's holds both numbers and so changes with each of them."""
    first = b"" if generation is None else b"\x08" + _varint(generation)
    return base64.b64encode(first + (b"\x08" if generation is None else b"\x10") + _varint(metageneration)).decode()


def _holds(name: str, wanted: int, current: Numbered | None) -> bool:
    """Whether one precondition holds; generation 0 stands for "there is none"."""
    generation = current.generation if current else 0
    metageneration = current.metageneration if current else 0
    actual = metageneration if name.startswith("Meta") else generation
    return (actual != wanted) if name.endswith("NotMatch") else (actual == wanted)


def check(query: Mapping[str, Any], current: Numbered | None, *, reading: bool = False, prefix: str = "if") -> None:
    """Check the preconditions in a query.

    Args:
        query: the request's parameters.
        current: what the request is about; None if there is none.
        reading: whether a failed "not match" is 304 rather than 412.
        prefix: "if", or "ifSource" for what is copied from.

    Raises:
        Refusal: 412 or 304 when one does not hold.
    """
    failed = []
    for name in NAMES:
        wanted = query.get(prefix + name)
        if wanted is not None and not _holds(name, int(wanted), current):
            failed.append(name)
    if any(not name.endswith("NotMatch") for name in failed):
        raise condition_not_met()
    if failed:
        raise not_modified() if reading else condition_not_met(header="If-None-Match")


def check_tags(call: Call, current: str) -> None:
    """Check the entity tags in the headers If-Match and If-None-Match.

    Raises:
        Refusal: 412 or 304 when one does not hold.
    """
    if (wanted := call.headers.get("if-match")) and not _names(wanted, current):
        raise condition_not_met()
    if (unwanted := call.headers.get("if-none-match")) and _names(unwanted, current):
        raise not_modified() if call.reading else condition_not_met(header="If-None-Match")


def _names(header: str, tag: str) -> bool:
    """Whether a list of entity tags names this one."""
    return header.strip() == "*" or tag in {entry.strip().removeprefix("W/").strip('"') for entry in header.split(",")}
