"""Unpacks tar archives as they are, and never outside of the folder given.

The standard library's extraction filters are not in every Python 3.11, and refuse what image layers may hold (links to
absolute paths), so members are written one by one here.
"""

import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath

CHUNK_BYTES = 1 << 20


class ArchiveError(Exception):
    """An archive cannot be read, or a member would land outside of the folder."""


def extract(archive: Path, folder: Path) -> None:
    """Unpack an archive (tar, plain or compressed) into a folder that exists.

    Modes are kept, owners and device files are left out. Links may point anywhere, but nothing is written through
    one. Raises ArchiveError; what was unpacked before it stays.
    """
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                _place(tar, member, folder)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ArchiveError(f"the archive cannot be unpacked: {error}") from error


def _place(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
        return
    target = _inside(folder, member.name, member.name)
    if member.isdir():
        _make_folder(target, member.mode)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink() or target.exists():
        target.unlink()  # else a later member would be written through an earlier link
    if member.issym():
        target.symlink_to(member.linkname)
    elif member.islnk():
        _make_hard_link(_inside(folder, member.linkname, member.name), target, member.name)
    else:
        _write(tar, member, target)


def _inside(folder: Path, name: str, member: str) -> Path:
    """Return where a member lands. Raises ArchiveError where that is not inside, or lies behind a link."""
    path = PurePosixPath(name.lstrip("/"))
    if ".." in path.parts:
        raise ArchiveError(f"the member {member!r} points outside of the archive's folder")
    for parent in path.parents:
        if (folder / parent).is_symlink():
            raise ArchiveError(f"the member {member!r} lies behind the link {str(parent)!r}")
    return folder / path


def _make_folder(target: Path, mode: int) -> None:
    if target.is_symlink():
        target.unlink()
    target.mkdir(parents=True, exist_ok=True)
    target.chmod(mode & 0o777 | 0o700)  # we must be able to write into what we unpack


def _make_hard_link(source: Path, target: Path, member: str) -> None:
    if source.is_symlink():
        raise ArchiveError(f"the member {member!r} is a hard link to a symbolic one")
    os.link(source, target)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    content = tar.extractfile(member)
    if content is None:
        raise ArchiveError(f"the member {member.name!r} has no content")
    with content, target.open("xb") as file:
        shutil.copyfileobj(content, file, CHUNK_BYTES)
    target.chmod(member.mode & 0o777 | 0o400)
