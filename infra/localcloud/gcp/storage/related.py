"""The body of a multipart upload (multipart/related: metadata, then bytes), taken apart while it arrives."""

from collections.abc import Callable
from email.message import Message
from email.parser import BytesHeaderParser

from infra.localcloud.gcp.storage.refusals import Refusal

MOST_METADATA_BYTES = 1024 * 1024
END = b"--"
# What RFC 2046 asks, and what googleapiclient sends, which Cloud Storage takes as well.
LINES = (b"\r\n", b"\n")


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
        self._line = LINES[0]
        self._boundary_line = b"--" + boundary
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
        end = 0 if text.startswith(self._line) else text.find(self._line * 2)
        if end < 0:
            if len(text) > MOST_METADATA_BYTES:
                raise malformed("a part's headers do not end")
            return False
        if self._part == 1:
            self.media_type = BytesHeaderParser().parsebytes(text[:end]).get("content-type")
        # The line end before the content stays for now: a boundary may follow at once, and begins with it.
        self._rest = text[end if end == 0 else end + len(self._line) :]
        self._in_headers, self._lead = False, len(self._line)
        return True

    def _content(self) -> bool:
        """Take a part's content up to a boundary; returns whether there may be more to do."""
        delimiter = self._line + self._boundary_line
        at = self._rest.find(delimiter)
        follows = self._rest[at + len(delimiter) :][:2]
        if at >= 0 and len(follows) == 2:
            self._emit(self._rest[self._lead : at])
            return self._boundary(at + len(delimiter), follows)
        keep = at if at >= 0 else len(self._rest) - len(delimiter) + 1
        if keep > self._lead:
            self._emit(self._rest[self._lead : keep])
            self._rest, self._lead = self._rest[keep:], 0
        return False

    def _boundary(self, after: int, follows: bytes) -> bool:
        if self._part < 0:  # the first tells how all lines of this body end
            self._line = next((line for line in LINES if follows.startswith(line)), self._line)
        if follows != END and not follows.startswith(self._line):
            raise malformed("a boundary is followed by neither a line end nor two dashes")
        self._rest = self._rest[after + len(END if follows == END else self._line) :]
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
