"""Resumable uploads: a session takes the bytes in chunks, says how far it is, and can go on after any break."""

import re
import secrets
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool as run_sync

from infra.localcloud.gcp.storage import generations, preconditions
from infra.localcloud.gcp.storage.calls import JSON, Answer, Call
from infra.localcloud.gcp.storage.copies import permit_place
from infra.localcloud.gcp.storage.media import MediaWriter
from infra.localcloud.gcp.storage.refusals import Refusal, invalid
from infra.localcloud.gcp.storage.store import Generation, Store
from infra.localcloud.gcp.storage.uploads import Wish, drained, sums_in

RANGE = re.compile(r"bytes (?:(?P<all>\*)|(?P<first>\d+)-(?P<last>\d+|\*))/(?P<total>\d+|\*)")
CHUNK = 256 * 1024
RESUME, CANCELLED = 308, 499


@dataclass
class Session:
    """One upload under way.

    Attributes:
        wish: what it is to become.
        writer: the bytes so far.
        total: how many there will be; None while nobody said.
        busy: held by the request that adds bytes.
        made: the object, once it is whole.
    """

    wish: Wish
    writer: MediaWriter
    total: int | None
    busy: threading.Lock = field(default_factory=threading.Lock)
    made: Generation | None = None


@dataclass(frozen=True)
class Chunk:
    """What a request brings: from which byte, to which (None: to the end of its body), of how many (None: unknown)."""

    first: int | None
    last: int | None
    total: int | None

    @classmethod
    def of(cls, header: str | None) -> "Chunk":
        """Read the header Content-Range; without it the body is the whole object.

        Raises:
            Refusal: 400.
        """
        if header is None:
            return cls(0, None, None)
        found = RANGE.fullmatch(header.strip())
        if found is None:
            raise invalid(f"Failed to parse Content-Range header: {header!r}.", ("header", "Content-Range"))
        total = None if found["total"] == "*" else int(found["total"])
        if found["all"]:
            return cls(None, None, total)
        first, last = int(found["first"]), None if found["last"] == "*" else int(found["last"])
        if last is not None and (last < first - 1 or (total is not None and last >= max(total, 1))):
            raise invalid(f"Invalid Content-Range header: {header!r}.", ("header", "Content-Range"))
        return cls(first, last, total)


class Sessions:
    """All uploads under way, by their ids."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sessions: dict[str, Session] = {}

    def open(self, call: Call, given: JSON) -> Answer:
        """Begin an upload; preconditions are checked now and once more at its end."""
        store, bucket = self._store, call.path["bucket"]
        wish = Wish.of(store, call, given, call.headers.get("x-upload-content-type"))
        with store.lock:
            permit_place(store, call, bucket, wish.name)
            preconditions.check(call.query, store.bucket(bucket).live(wish.name))
        length = call.headers.get("x-upload-content-length")
        if length is not None and not length.isdigit():
            raise invalid(f"Invalid X-Upload-Content-Length: {length!r}.", ("header", "X-Upload-Content-Length"))
        key = secrets.token_urlsafe(48)
        self._sessions[key] = Session(wish, store.writer(), int(length) if length else None)
        place = f"{call.base_url}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={key}"
        return Answer(headers={"Location": place, "X-GUploader-UploadID": key})

    def _found(self, call: Call) -> Session:
        session = self._sessions.get(call.query["upload_id"])
        if session is None:
            raise Refusal(404, "Not Found: no such upload session.", "notFound")
        return session

    def cancel(self, call: Call) -> Answer:
        """Give an upload up."""
        session = self._found(call)
        with _alone(session):
            del self._sessions[call.query["upload_id"]]
            if session.made is None:
                session.writer.discard()
        return Answer(status=CANCELLED)

    async def take(self, call: Call, stream: AsyncIterator[bytes]) -> Answer:
        """Take a chunk, or answer how far the upload is."""
        session = self._found(call)
        chunk = Chunk.of(call.headers.get("content-range"))
        with _alone(session):
            if session.made is None:
                await self._advance(session, call, chunk, stream)
            if session.made is None:
                return _status(session, call)
            with self._store.lock:
                return Answer(generations.shown(self._store, session.made, call.base_url))

    async def _advance(self, session: Session, call: Call, chunk: Chunk, stream: AsyncIterator[bytes]) -> None:
        _agree(session, chunk.total)
        if chunk.first is not None:
            await _append(session, chunk, stream)
        if call.headers.get("content-range") is None:
            _agree(session, session.writer.size)
        if session.total == session.writer.size:
            session.wish.sums |= sums_in(call.headers)
            try:
                session.made = await run_sync(session.wish.make, self._store, session.writer)
            except Refusal:
                session.writer.discard()
                del self._sessions[call.query["upload_id"]]
                raise


class _alone:  # noqa: N801 - read as a word: with _alone(session)
    """Refuses a second request that adds to the same upload meanwhile."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> None:
        if not self._session.busy.acquire(blocking=False):
            raise Refusal(409, "Another request is adding to this upload.", "conflict")

    def __exit__(self, *_: object) -> None:
        self._session.writer.rest()
        self._session.busy.release()


def _agree(session: Session, total: int | None) -> None:
    """Note the size that a request tells, which must be the one told before."""
    if total is None:
        return
    if (session.total is not None and session.total != total) or total < session.writer.size:
        raise invalid(
            f"Invalid request. The upload's size is said to be {total} byte(s), but was said to be {session.total}, "
            f"and {session.writer.size} byte(s) were uploaded."
        )
    session.total = total


async def _append(session: Session, chunk: Chunk, stream: AsyncIterator[bytes]) -> None:
    """Add a chunk; bytes that came before, in a request whose answer got lost, are left out."""
    first, before = chunk.first or 0, session.writer.size
    if first > before:
        raise invalid(
            f"Invalid request.  According to the Content-Range header, the upload offset is {first} byte(s), which "
            f"exceeds already uploaded size of {before} byte(s)."
        )
    limit = session.total if chunk.last is None else chunk.last + 1
    position = first

    def add(piece: bytes) -> None:
        nonlocal position
        skipped = max(before - position, 0)
        position += len(piece)
        if limit is not None and position > limit:
            raise invalid(f"Invalid request. The body is longer than its Content-Range says: {limit - first} byte(s).")
        session.writer.write(piece[skipped:])

    await drained(stream, add)
    if chunk.last is not None and position != limit:
        raise invalid(
            f"Invalid request. The body has {position - first} byte(s), but its Content-Range says "
            f"{chunk.last + 1 - first}."
        )
    if position != session.total and chunk.last is not None and (position - first) % CHUNK:
        raise invalid(
            f"Invalid request. Chunks but the last must be multiples of {CHUNK} bytes, got {position - first}."
        )


def _status(session: Session, call: Call) -> Answer:
    """How far an upload is: 308, with the bytes that are safe, or without where there are none yet."""
    headers = {"Range": f"bytes=0-{session.writer.size - 1}"} if session.writer.size else {}
    if call.headers.get("x-guploader-no-308") == "yes":
        return Answer(headers=headers | {"X-HTTP-Status-Code-Override": str(RESUME)})
    return Answer(status=RESUME, headers=headers)
