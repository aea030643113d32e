"""Reproducible layer files: a sorted tar with fixed metadata, packed in blocks so that all cores share the work."""

import hashlib
import io
import tarfile
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final

CODE_ROOT: Final = PurePosixPath("opt/stile/code")
# the kinds of file that a job reads; whatever else lies in the folder is not part of the image
CODE_SUFFIXES: Final = frozenset({".py", ".json", ".toml", ".yaml"})
_BLOCK_BYTES: Final = 8 * 1024 * 1024
_LEVEL: Final = 1  # level 6 takes three times as long for 12 % less
_GZIP_WINDOW: Final = 31  # 15 bits, and 16 for a gzip header (which zlib writes without a date)


@dataclass(frozen=True, order=True)
class Entry:
    """One file of a layer: its path in the image, without a leading slash, and where its content is."""

    path: PurePosixPath
    source: Path


def code_entries(project_root: Path) -> list[Entry]:
    """Return the files of `ml_jobs` that go into an image. Raises FileNotFoundError where there is no such package."""
    package = project_root / "ml_jobs"
    if not (package / "__init__.py").is_file():
        raise FileNotFoundError(f"no package ml_jobs in {project_root}")
    found = (path.relative_to(project_root) for path in package.rglob("*") if path.suffix in CODE_SUFFIXES)
    return sorted(
        Entry(CODE_ROOT / path.as_posix(), project_root / path)
        for path in found
        if not any(part.startswith(".") or part == "__pycache__" for part in path.parts)
    )


def code_tar(project_root: Path) -> bytes:
    """Return the code layer, unpacked (it is small)."""
    buffer = io.BytesIO()
    write_tar(code_entries(project_root), buffer)
    return buffer.getvalue()


def sha256(content: bytes) -> str:
    """Return the digest as registries write it, `sha256:<hex>`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def write_tar(entries: Iterable[Entry], target: IO[bytes]) -> None:
    """Write a tar that depends on paths and contents only: sorted, without dates and owners, with fixed modes."""
    ordered = sorted(entries)
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.GNU_FORMAT, bufsize=1024 * 1024) as tar:
        for folder in _folders(ordered):
            info = tarfile.TarInfo(str(folder))
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(info)
        for entry in ordered:
            _add(tar, entry)


def _folders(entries: Iterable[Entry]) -> list[PurePosixPath]:
    found = {parent for entry in entries for parent in entry.path.parents}
    return sorted(found - {PurePosixPath(".")})


def _add(tar: tarfile.TarFile, entry: Entry) -> None:
    status = entry.source.stat()
    info = tarfile.TarInfo(str(entry.path))
    info.size = status.st_size
    info.mode = 0o755 if status.st_mode & 0o100 else 0o644
    with entry.source.open("rb") as content:
        tar.addfile(info, content)


class BlockGzip(io.RawIOBase):
    """Packs what is written, block by block in threads, one gzip member per block; equal input gives equal bytes.

    Members in a row are one gzip file (RFC 1952, 2.2). The bytes depend on the build of zlib, as any gzip's do.
    """

    def __init__(self, target: IO[bytes], threads: int) -> None:
        super().__init__()
        self._target = target
        self._pool = ThreadPoolExecutor(threads)
        self._waiting: deque[Future[bytes]] = deque()
        self._room = 2 * threads
        self._block = bytearray()

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True

    def write(self, content: object) -> int:
        """Take a piece of the unpacked file."""
        piece = memoryview(content)  # type: ignore[arg-type]
        self._block += piece
        while len(self._block) >= _BLOCK_BYTES:
            self._pack(bytes(self._block[:_BLOCK_BYTES]))
            del self._block[:_BLOCK_BYTES]
        return piece.nbytes

    def close(self) -> None:
        """Write what is left; the target stays open."""
        if self.closed:
            return
        if self._block:
            self._pack(bytes(self._block))
            self._block.clear()
        while self._waiting:
            self._target.write(self._waiting.popleft().result())
        self._pool.shutdown()
        super().close()

    def _pack(self, block: bytes) -> None:
        while len(self._waiting) >= self._room:
            self._target.write(self._waiting.popleft().result())
        self._waiting.append(self._pool.submit(_gzip_member, block))


def _gzip_member(block: bytes) -> bytes:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    return packer.compress(block) + packer.flush()


def write_packed(entries: Iterable[Entry], target: Path, threads: int) -> None:
    """Write a layer to a file that ends in `.tar.gz`."""
    with target.open("wb") as file, BlockGzip(file, threads) as packed:
        write_tar(entries, packed)  # type: ignore[arg-type]


def files_below(root: Path) -> Iterator[Path]:
    """Yield the regular files below a folder. Raises ValueError for a link, which no wheel holds."""
    for path in root.rglob("*"):
        if path.is_symlink():
            raise ValueError(f"{path} is a link")
        if path.is_file():
            yield path
