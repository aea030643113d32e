"""The body of a multipart upload (multipart/related: metadata, then bytes), taken apart while it arrives."""

from collections.abc import Callable
from email.message import Message
from email.parser import BytesHeaderParser

from infra.localcloud.gcp.storage.refusals import Refusal

MOST_METADATA_BYTES = 1024 * 1024
END, BETWEEN = b"--", b"\r\n"


def malformed(why: str) -> Refusal:
    """400: a body that is not what its content type says."""
    return Refusal(400, f"Malformed multipart body: {why}.", "badRequest")


def boundary_of(content_type: str) -> bytes:
    """The boundary that a content type names.

    Raises:
        Refusal: 400.
    """
    message = Message()
    message["content-type"] = content_type
    boundary = message.get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise malformed("the Content-Type header names no boundary")
    return boundary.encode("utf-8", "surrogateescape")


class RelatedBody:
    """Takes a body piece by piece, in any pieces; holds no more than a boundary and the metadata in memory.

    Args:
        boundary: between the parts, without dashes.
        sink: gets the second part's bytes.

    Attributes:
        metadata: the first part.
        media_type: the second part's content type, None if it names none.
    """

    def __init__(self, boundary: bytes, sink: Callable[[bytes], None]) -> None:
        self._delimiter = b"\r\n--" + boundary
        self._sink = sink
        self._rest = b"\r\n"  # so that a boundary at the very start is found as all others are
        self._part = -1
        self._in_headers = False
        self._lead = 0
        self._ended = False
        self.metadata = b""
        self.media_type: str | None = None

    def feed(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            Refusal: 400.
        """
        self._rest += data
        while not self._ended and (self._headers() if self._in_headers else self._content()):
            pass

    def finish(self) -> None:
        """Check that both parts came whole.

        Raises:
            Refusal: 400.
        """
        if not self._ended or self._part != 1:
            raise malformed("expected exactly two parts and a closing boundary")

    def _headers(self) -> bool:
        """Take a part's headers, once they are all there; returns whether there may be more to do."""
        text = self._rest
        end = 0 if text.startswith(b"\r\n") else text.find(b"\r\n\r\n")
        if end < 0:
            if len(text) > MOST_METADATA_BYTES:
                raise malformed("a part's headers do not end")
            return False
        if self._part == 1:
            self.media_type = BytesHeaderParser().parsebytes(text[:end]).get("content-type")
        # The line end before the content stays for now: a boundary may follow at once, and begins with it.
        self._rest, self._in_headers, self._lead = text[end if end == 0 else end + 2 :], False, len(BETWEEN)
        return True

    def _content(self) -> bool:
        """Take a part's content up to a boundary; returns whether there may be more to do."""
        at = self._rest.find(self._delimiter)
        follows = self._rest[at + len(self._delimiter) :][:2]
        if at >= 0 and len(follows) == 2:
            self._emit(self._rest[self._lead : at])
            return self._boundary(at, follows)
        keep = at if at >= 0 else len(self._rest) - len(self._delimiter) + 1
        if keep > self._lead:
            self._emit(self._rest[self._lead : keep])
            self._rest, self._lead = self._rest[keep:], 0
        return False

    def _boundary(self, at: int, follows: bytes) -> bool:
        if follows not in (END, BETWEEN):
            raise malformed("a boundary is followed by neither a line end nor two dashes")
        self._rest = self._rest[at + len(self._delimiter) + 2 :]
        self._lead, self._ended = 0, follows == END
        if not self._ended:
            self._part, self._in_headers = self._part + 1, True
        return not self._ended

    def _emit(self, data: bytes) -> None:
        if self._part > 1:
            raise malformed("there are more than two parts")
        if self._part == 1 and data:
            self._sink(data)
        if self._part == 0:
            self.metadata += data
            if len(self.metadata) > MOST_METADATA_BYTES:
                raise malformed("the metadata is larger than 1 MiB")
