"""Installs what is missing: the official archive first, else a build; whole files only, one process at a time."""

import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from filelock import FileLock, Timeout

from infra.errors import ToolchainError
from infra.toolchain.build import CRANE, LANGUAGE, PULUMI, build
from infra.toolchain.download import WANTED, download_pulumi
from infra.toolchain.found import PULUMI_VERSION, Toolchain, check_pulumi, find, own_bin

LEFTOVER = ".new-"


def ensure(progress: Callable[[str], None]) -> Toolchain:
    """Return the toolchain, installing what is missing into the cache outside the repository.

    Raises:
        ToolchainError: a program is neither here nor to be had; says what was tried.
    """
    ready = find().toolchain()
    if ready is not None:
        return ready
    home = own_bin().parent
    home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home / "install.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        progress("another process installs the toolchain; waiting for it")
        lock.acquire()
    with lock:
        try:
            return install_missing(home, progress)
        finally:
            lock.release()


def install_missing(home: Path, progress: Callable[[str], None]) -> Toolchain:
    """Install what `find` does not find; the caller holds the lock."""
    for leftover in home.glob(f"{LEFTOVER}*"):  # of a process that was killed: the lock is ours, so it is dead
        shutil.rmtree(leftover)
    found = find()
    with tempfile.TemporaryDirectory(prefix=LEFTOVER, dir=home) as name:
        fresh = Path(name)
        if found.pulumi is None:
            get_pulumi(fresh, progress)
            put(fresh, reversed(WANTED))  # the CLI last: where it is, all is
        if found.crane is None:
            build(CRANE, fresh, progress)
            put(fresh, [CRANE.binary])
    found = find()
    ready = found.toolchain()
    if ready is None:
        raise ToolchainError("the installed toolchain does not work: " + "; ".join(found.rejected), path=str(home))
    return ready


def get_pulumi(folder: Path, progress: Callable[[str], None]) -> None:
    """Put the CLI and its language host into a folder: from the official place, else built.

    Raises:
        ToolchainError: both ways failed; says why each did.
    """
    try:
        progress(f"getting Pulumi {PULUMI_VERSION} from its official place")
        download_pulumi(folder, progress)
        check_pulumi(folder / "pulumi")
    except ToolchainError as official:
        progress(f"not from the official place: {official.message}")
        try:
            build(PULUMI, folder, progress)
            build(LANGUAGE, folder, progress)
        except ToolchainError as built:
            raise ToolchainError(
                f"Pulumi cannot be installed. Official archive: {official.message}. Build: {built.message}",
                path=built.path,
                fix=built.fix,
            ) from official


def put(fresh: Path, names: Iterable[str]) -> None:
    """Move finished files into place, each at once."""
    own_bin().mkdir(exist_ok=True)
    for name in names:
        (fresh / name).replace(own_bin() / name)
