"""Unpacks layers, and stacks them to an image's file system, without ever writing outside the folder given."""

import hashlib
import os
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from infra.localcloud.jobs.registry import ImageError

WHITEOUT = ".wh."
SPECIAL = ".wh..wh."  # markers that name no file: opaque folders, and what old storage drivers left behind
OPAQUE = ".wh..wh..opq"


def unpack(archive: Path, target: Path) -> None:
    """Unpack one layer (tar, plain or compressed) as it is, whiteout markers included, into a fresh folder.

    Owners and device files are left out, since jobs run under one user id. Raises ImageError for a member that
    would land outside of the folder, directly or through a link of the same layer.
    """
    target.mkdir(parents=True)
    try:
        with tarfile.open(archive, "r:*") as tar:
            tar.extractall(target, filter=_member)  # noqa: S202 - the filter refuses every way out
    except (tarfile.TarError, OSError, EOFError, KeyError) as error:  # KeyError: a hard link to what is not there
        raise ImageError(f"a layer cannot be unpacked: {error}") from error
    for source in target.rglob("*.py"):
        if not source.is_symlink() and source.is_file():
            _stamp(source)


def stack(layers: Iterable[Path], target: Path) -> None:
    """Lay unpacked layers over each other, lowest first, as hard links; whiteouts remove what lies below."""
    target.mkdir(parents=True)
    for layer in layers:
        _overlay(layer, target)


def _member(member: tarfile.TarInfo, destination: str) -> tarfile.TarInfo | None:
    """Decide how one member is unpacked; None leaves it out."""
    if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
        return None
    name = _inside(member.name, member.name)
    root = Path(destination)
    _refuse_links_above(root, name, member.name)
    changes: dict[str, str] = {"name": str(name)}
    if member.islnk():
        linked = _inside(member.linkname, member.name)
        _refuse_links_above(root, linked, member.name)
        if (root / linked).is_symlink():
            raise ImageError(f"layer member {member.name!r} is a hard link to a symbolic one")
        changes["linkname"] = str(linked)
    existing = root / name
    if existing.is_symlink() or (existing.is_file() and not member.isdir()):
        existing.unlink()  # else the tar module would write through it
    mode = (member.mode & 0o777) | (0o700 if member.isdir() else 0o400)  # we must be able to read what we unpacked
    # No owner: typeshed does not know that the filters of the standard library do the same.
    return member.replace(mode=mode, uid=None, gid=None, uname=None, gname=None, deep=False, **changes)  # type: ignore[arg-type]


def _inside(name: str, member: str) -> PurePosixPath:
    path = PurePosixPath(name.lstrip("/"))
    if ".." in path.parts:
        raise ImageError(f"layer member {member!r} points outside of the image")
    return path


def _refuse_links_above(root: Path, name: PurePosixPath, member: str) -> None:
    for parent in name.parents:
        if (root / parent).is_symlink():
            raise ImageError(f"layer member {member!r} would be written through the link {str(parent)!r}")


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
