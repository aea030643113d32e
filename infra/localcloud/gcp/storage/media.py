"""Objects' bytes on disk: written piece by piece with their checksums, and never changed afterwards."""

import base64
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import google_crc32c

PIECE = 1024 * 1024


def _text(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


@dataclass(frozen=True)
class Media:
    """The bytes of one generation.

    Attributes:
        path: the file; this generation's own, or a hard link of another's.
        size: in bytes.
        crc32c: of the bytes, big-endian and in base64, as the API writes it.
        md5: likewise; None for composed objects, which have none.
        components: how many pieces a composed object was made of.
    """

    path: Path
    size: int
    crc32c: str
    md5: str | None
    components: int | None = None

    def linked(self, path: Path) -> "Media":
        """The same bytes under another name: a copy that costs nothing, as neither is ever changed."""
        os.link(self.path, path)
        return Media(path, self.size, self.crc32c, self.md5, self.components)


class MediaWriter:
    """Takes the bytes of an object to come; the file is only open while bytes are taken."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._crc32c = 0
        self._file: BinaryIO | None = None
        self._finished = False
        path.touch(exist_ok=False)

    def write(self, data: bytes) -> None:
        """Append bytes."""
        if self._file is None:
            self._file = self.path.open("ab")
        self._file.write(data)
        self._md5.update(data)
        self._crc32c = google_crc32c.extend(self._crc32c, data)
        self.size += len(data)

    def rest(self) -> None:
        """Write out what was taken and close the file, until more comes."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def checksums(self) -> dict[str, str]:
        """The checksums of what was taken so far, by the names that objects have for them."""
        return {"crc32c": _text(self._crc32c.to_bytes(4, "big")), "md5Hash": _text(self._md5.digest())}

    def finish(self, components: int | None = None) -> Media:
        """No more bytes come; whoever gets the media looks after the file from now on."""
        self.rest()
        self._finished = True
        sums = self.checksums()
        return Media(self.path, self.size, sums["crc32c"], None if components else sums["md5Hash"], components)

    def discard(self) -> None:
        """Forget the bytes, unless they were finished: then an object may have them."""
        self.rest()
        if not self._finished:
            self.path.unlink(missing_ok=True)
