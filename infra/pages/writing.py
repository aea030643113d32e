"""Writes a page where the user wants it: whole or not at all."""

import os
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile

from infra.errors import UsageError

STDOUT = "-"
EVERYBODY_READS = 0o644


def check_target(target: str) -> None:
    """Check, before any work, that a page can be written there; `-` is stdout.

    Raises:
        UsageError: the folder does not exist or takes no file, or the target is a folder.
    """
    if target == STDOUT:
        return
    path = Path(target)
    if not target or path.is_dir():
        raise UsageError(f"{target or 'nothing'} is no file's name", path=target, fix="name a file, such as cost.html")
    if not path.parent.is_dir():
        raise UsageError(
            f"there is no folder {path.parent}", path=target, fix=f"make it (mkdir -p {path.parent}), or name another"
        )
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"the folder {path.parent} takes no file of yours", path=target, fix="name another folder")


def write_page(page: str, target: str) -> None:
    """Write a page to a file or, for `-`, to stdout; a file that was there is replaced at once, or stays as it is.

    Raises:
        UsageError: as of check_target.
    """
    check_target(target)
    if target == STDOUT:
        sys.stdout.write(page)
        return
    path = Path(target)
    with NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", encoding="utf-8", delete=False) as file:
        written = Path(file.name)
        try:
            file.write(page)
            file.flush()
            written.chmod(EVERYBODY_READS)
            written.replace(path)
        except BaseException:
            written.unlink(missing_ok=True)
            raise
