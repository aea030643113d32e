"""Objects' bytes on their way out: whole, in ranges, and unpacked for those who cannot read gzip."""

import re
import zlib
from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from infra.localcloud.gcp.storage.calls import Call
from infra.localcloud.gcp.storage.keys import check_readable
from infra.localcloud.gcp.storage.media import PIECE
from infra.localcloud.gcp.storage.objects import chosen
from infra.localcloud.gcp.storage.preconditions import etag
from infra.localcloud.gcp.storage.store import Generation, Store

RANGE = re.compile(r"bytes=(?:(\d{1,19})-(\d{0,19})|-(\d{1,19}))")
HEADERS = {
    "cacheControl": "Cache-Control",
    "contentDisposition": "Content-Disposition",
    "contentLanguage": "Content-Language",
}
GZIP_MAGIC = b"\x1f\x8b"


class FileResponse(StreamingResponse):
    """Sends pieces of a file and closes it in any case."""

    def __init__(self, file: BinaryIO, pieces: Iterator[bytes], status: int, headers: dict[str, str]) -> None:
        super().__init__(pieces, status_code=status, headers=headers)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def download(store: Store, call: Call) -> Response:
    """Answer the bytes of an object, or of the range that the header Range asks for."""
    with store.lock:
        found = chosen(store, call, "storage.objects.get")
        check_readable(store, found.fields)
        headers = _headers(found)
        file = found.media.path.open("rb")  # stays readable when the object is deleted meanwhile
    try:
        return _response(found, call, file, headers)
    except BaseException:
        file.close()
        raise


def _response(found: Generation, call: Call, file: BinaryIO, headers: dict[str, str]) -> Response:
    if _is_unpacked(found, call, file):
        return FileResponse(file, _unpacked(file), 200, headers | {"Warning": "214 UploadServer gunzipped"})
    if encoding := found.fields.get("contentEncoding"):
        headers["Content-Encoding"] = encoding
    size = found.media.size
    wanted = _range(call.headers.get("range"), size)
    if wanted is None:
        return FileResponse(file, _pieces(file, 0, size), 200, headers | {"Content-Length": str(size)})
    first, end = wanted
    if first >= end:
        file.close()
        refused = {"Content-Range": f"bytes */{size}", "Content-Type": "text/html; charset=UTF-8"}
        return Response("Request range not satisfiable", 416, refused)
    headers |= {"Content-Length": str(end - first), "Content-Range": f"bytes {first}-{end - 1}/{size}"}
    return FileResponse(file, _pieces(file, first, end), 206, headers)


def _headers(found: Generation) -> dict[str, str]:
    hashes = [f"crc32c={found.media.crc32c}"] + ([f"md5={found.media.md5}"] if found.media.md5 else [])
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Type": found.fields.get("contentType", "application/octet-stream"),
        "ETag": etag(found.generation, found.metageneration),
        "Last-Modified": found.updated.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        "X-Goog-Generation": str(found.generation),
        "X-Goog-Metageneration": str(found.metageneration),
        "X-Goog-Hash": ",".join(hashes),
        "X-Goog-Storage-Class": found.fields["storageClass"],
        "X-Goog-Stored-Content-Encoding": found.fields.get("contentEncoding", "identity"),
        "X-Goog-Stored-Content-Length": str(found.media.size),
        "Cache-Control": "no-cache, no-store, max-age=0, must-revalidate",
    }
    headers |= {title: found.fields[name] for name, title in HEADERS.items() if found.fields.get(name)}
    # Metadata may hold any text, a header may not.
    return {name: quote(value, safe="".join(map(chr, range(0x20, 0x7F)))) for name, value in headers.items()}


def _range(header: str | None, size: int) -> tuple[int, int] | None:
    """The first byte and the one after the last; None where the header is missing or asks for no single range."""
    found = RANGE.fullmatch(header.strip()) if header else None
    if found is None:
        return None
    first, last, final = found.groups()
    if final:
        return max(size - int(final), 0), size if int(final) else 0
    end = min(int(last) + 1, size) if last else size
    if last and int(last) < int(first):
        return None  # RFC 9110: such a header is ignored
    return int(first), end


def _pieces(file: BinaryIO, first: int, end: int) -> Iterator[bytes]:
    file.seek(first)
    while first < end and (piece := file.read(min(PIECE, end - first))):
        yield piece
        first += len(piece)


def _is_unpacked(found: Generation, call: Call, file: BinaryIO) -> bool:
    """Whether Google would unpack it (https://cloud.google.com/storage/docs/transcoding)."""
    if found.fields.get("contentEncoding") != "gzip" or "gzip" in call.headers.get("accept-encoding", ""):
        return False
    magic = file.read(len(GZIP_MAGIC))
    file.seek(0)
    return magic == GZIP_MAGIC and "no-transform" not in found.fields.get("cacheControl", "")


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    unpack = zlib.decompressobj(wbits=31)
    while piece := file.read(PIECE):
        while piece:
            yield unpack.decompress(piece, PIECE)
            piece = unpack.unconsumed_tail
            if unpack.eof:
                piece, unpack = unpack.unused_data, zlib.decompressobj(wbits=31)
    yield unpack.flush()
