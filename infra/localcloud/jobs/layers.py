"""Unpacks layers, and stacks them to an image's file system, without ever writing outside the folder given."""

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from infra.localcloud.jobs.archives import ArchiveError, extract
from infra.localcloud.jobs.registry import ImageError

WHITEOUT = ".wh."
SPECIAL = ".wh..wh."  # markers that name no file: opaque folders, and what old storage drivers left behind
OPAQUE = ".wh..wh..opq"
BYTE_CODE = "__pycache__"


def unpack(archive: Path, target: Path) -> None:
    """Unpack one layer as it is, whiteout markers included, into a fresh folder. Raises ImageError."""
    target.mkdir(parents=True)
    try:
        extract(archive, target)
    except ArchiveError as error:
        raise ImageError(f"a layer cannot be used: {error}") from error
    for folder, folders, files in os.walk(target):
        if BYTE_CODE in folders:
            continue  # what was compiled for a date must keep it
        for source in (Path(folder, name) for name in files if name.endswith(".py")):
            if not source.is_symlink():
                _stamp(source)


def ships_byte_code(files: Path) -> bool:
    """Whether an image brings byte code of its own."""
    return next(files.rglob(BYTE_CODE), None) is not None


def stack(layers: Iterable[Path], target: Path) -> None:
    """Lay unpacked layers over each other, lowest first, as hard links; whiteouts remove what lies below."""
    target.mkdir(parents=True)
    for layer in layers:
        _overlay(layer, target)


def _stamp(source: Path) -> None:
    """Date a Python source by its content.

    Byte code is cached over all images and is valid for a source's date and size; reproducible layers give every
    file one date, so two versions of equal size would be taken for each other.
    """
    digest = hashlib.sha256(source.read_bytes()).digest()
    seconds = int.from_bytes(digest[:4]) & 0x7FFFFFFF
    os.utime(source, (seconds, seconds))


def _overlay(layer: Path, target: Path) -> None:
    for folder, folders, files in os.walk(layer):
        below = target / Path(folder).relative_to(layer)
        if OPAQUE in files:
            _empty(below)
        for name in [*folders, *files]:
            if name.startswith(WHITEOUT) and not name.startswith(SPECIAL):
                _remove(below / name.removeprefix(WHITEOUT))
        for name in folders:
            _place_folder(Path(folder, name), below / name)
        for name in files:
            if not name.startswith(WHITEOUT):
                _place_file(Path(folder, name), below / name)


def _place_folder(source: Path, target: Path) -> None:
    if source.is_symlink():
        _place_file(source, target)
    elif target.is_symlink() or not target.is_dir():
        _remove(target)
        target.mkdir()


def _place_file(source: Path, target: Path) -> None:
    _remove(target)
    os.link(source, target, follow_symlinks=False)


def _empty(folder: Path) -> None:
    for entry in list(folder.iterdir()):
        _remove(entry)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
