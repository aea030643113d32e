"""Uploads in one request: the bytes alone (uploadType=media), or metadata and bytes (uploadType=multipart)."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool as run_sync

from infra.localcloud.gcp.storage import generations
from infra.localcloud.gcp.storage.calls import JSON, Answer, Call
from infra.localcloud.gcp.storage.copies import commit
from infra.localcloud.gcp.storage.media import PIECE, MediaWriter
from infra.localcloud.gcp.storage.objects import refuse_access_lists
from infra.localcloud.gcp.storage.refusals import Refusal, invalid, required
from infra.localcloud.gcp.storage.related import RelatedBody, boundary_of
from infra.localcloud.gcp.storage.store import Generation, Store

DEFAULT_TYPE = "application/octet-stream"
# Checks a body against the method's schema.
Checked = Callable[[Any], JSON]


async def drained(stream: AsyncIterator[bytes], take: Callable[[bytes], None]) -> None:
    """Hand a body on in large pieces, in a thread: it is never whole in memory, and disks hold up nobody else."""
    waiting: list[bytes] = []
    size = 0
    async for piece in stream:
        waiting.append(piece)
        size += len(piece)
        if size >= PIECE:
            await run_sync(take, b"".join(waiting))
            waiting, size = [], 0
    if size:
        await run_sync(take, b"".join(waiting))


async def media(store: Store, call: Call, stream: AsyncIterator[bytes]) -> Answer:
    """Make an object of a body; its name is a parameter."""
    writer = store.writer()
    try:
        await drained(stream, writer.write)
        wish = Wish.of(store, call, {}, call.headers.get("content-type"))
        made = await run_sync(wish.make, store, writer)
    except BaseException:
        writer.discard()
        raise
    return Answer(generations.shown(store, made, call.base_url))


async def multipart(store: Store, call: Call, stream: AsyncIterator[bytes], checked: Checked) -> Answer:
    """Make an object of a body that holds its metadata and its bytes."""
    writer = store.writer()
    try:
        body = RelatedBody(boundary_of(call.headers.get("content-type", "")), writer.write)
        await drained(stream, body.feed)
        body.finish()
        wish = Wish.of(store, call, checked(read_json(body.metadata)), body.media_type)
        made = await run_sync(wish.make, store, writer)
    except BaseException:
        writer.discard()
        raise
    return Answer(generations.shown(store, made, call.base_url))


def read_json(text: bytes) -> Any:
    """Read a JSON body; None for an empty one.

    Raises:
        Refusal: 400.
    """
    if not text.strip():
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Refusal(400, f"Parse Error: the body is not JSON: {error}", "parseError") from error
    if not isinstance(value, dict):
        raise Refusal(400, "Parse Error: the body is not a JSON object.", "parseError")
    return value


class Wish:
    """What an upload is to become.

    Attributes:
        call: the request, whose preconditions hold at the start and at the end.
        name: the object's name.
        fields: its metadata.
        sums: the checksums that the caller gave, by their fields' names.
    """

    def __init__(self, call: Call, name: str, fields: JSON, sums: dict[str, str]) -> None:
        self.call, self.name, self.fields, self.sums = call, name, fields, sums

    @classmethod
    def of(cls, store: Store, call: Call, given: JSON, media_type: str | None) -> "Wish":
        """Read it from a request.

        Args:
            store: where it is to be made.
            call: the request.
            given: the metadata in its body.
            media_type: the content type of the bytes, where the metadata names none.

        Raises:
            Refusal: 400, 403 or 501.
        """
        refuse_access_lists(call)
        name = call.text("name") or given.get("name")
        if not name:
            raise required("name")
        generations.check_name(name)
        fields = generations.editable(given)
        fields.setdefault("contentType", media_type or DEFAULT_TYPE)
        if encoding := call.text("contentEncoding"):
            fields["contentEncoding"] = encoding
        if storage_class := given.get("storageClass"):
            fields["storageClass"] = storage_class
        if key := call.text("kmsKeyName") or given.get("kmsKeyName"):
            fields["kmsKeyName"] = key
        sums = {sum_: given[sum_] for sum_ in ("crc32c", "md5Hash") if given.get(sum_)}
        return cls(call, name, fields, sums | sums_in(call.headers))

    def make(self, store: Store, writer: MediaWriter) -> Generation:
        """Make the object of the bytes that came.

        Raises:
            Refusal: 400 for checksums that differ, 403, 404 or 412.
        """
        check_sums(self.sums, writer.checksums())
        return commit(store, self.call, self.call.path["bucket"], self.name, writer.finish(), self.fields)


def sums_in(headers: Mapping[str, str]) -> dict[str, str]:
    """The checksums in the header X-Goog-Hash, by their fields' names."""
    found = {}
    for entry in headers.get("x-goog-hash", "").split(","):
        kind, _, value = entry.strip().partition("=")
        if kind in ("crc32c", "md5"):
            found["crc32c" if kind == "crc32c" else "md5Hash"] = value
    return found


def check_sums(given: Mapping[str, str], actual: Mapping[str, str]) -> None:
    """Compare checksums.

    Raises:
        Refusal: 400.
    """
    for name, title in (("crc32c", "CRC32C"), ("md5Hash", "MD5 hash")):
        if name in given and given[name] != actual[name]:
            raise invalid(f'Provided {title} "{given[name]}" doesn\'t match calculated {title} "{actual[name]}".')
