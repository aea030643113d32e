"""Looks for Pulumi, its language host, crane and uv: which are there, of which version, and why one was not taken."""

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from infra.errors import ToolchainError
from infra.toolchain.bootstrap import UV_VERSION, cache_dir

PULUMI_VERSION = "3.259.0"
CRANE_VERSION = "0.20.2"
# The oldest that has what Stile uses (plugins by path, --exclude-protected); both were tried.
MINIMUM_PULUMI = (3, 230, 0)
MINIMUM_CRANE = (0, 20, 0)

LANGUAGE_HOST = "pulumi-language-python"
LANGUAGE_SCRIPT = "pulumi-language-python-exec"
PROBE_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Toolchain:
    """The programs, all there.

    Attributes:
        pulumi: the CLI; its language host for Python lies beside it.
        crane: builds, pushes and serves container images.
        bin: the folder of `pulumi`.
        pulumi_version: such as 3.259.0.
        crane_version: such as 0.20.2.
    """

    pulumi: Path
    crane: Path
    bin: Path
    pulumi_version: str
    crane_version: str


@dataclass(frozen=True)
class Program:
    """One program that was found and may be used."""

    path: Path
    version: str


@dataclass
class Found:
    """What a look around found; a program that is None has its reasons in `rejected`."""

    pulumi: Program | None = None
    crane: Program | None = None
    rejected: list[str] = field(default_factory=list)

    def toolchain(self) -> Toolchain | None:
        """Return the whole toolchain, or None if a part is missing."""
        if self.pulumi is None or self.crane is None:
            return None
        return Toolchain(
            pulumi=self.pulumi.path,
            crane=self.crane.path,
            bin=self.pulumi.path.parent,
            pulumi_version=self.pulumi.version,
            crane_version=self.crane.version,
        )


def own_bin() -> Path:
    """Return the folder that the toolchain installs into, whether it exists or not."""
    return cache_dir() / "toolchain" / f"v{PULUMI_VERSION}" / "bin"


def probe_version(path: Path) -> tuple[int, int, int]:
    """Return the version that a program gives for `PROGRAM version`.

    Raises:
        ToolchainError: it does not start, does not end in time, or names no version.
    """
    try:
        answer = _ask_version(path)
    except (OSError, subprocess.SubprocessError) as error:
        raise ToolchainError(f"{path} does not run: {error}", path=str(path)) from error
    match = re.search(r"v?(\d+)\.(\d+)\.(\d+)", answer)
    if match is None:
        raise ToolchainError(f"{path} names no version: {answer.strip()!r}", path=str(path))
    return int(match[1]), int(match[2]), int(match[3])


def _ask_version(path: Path) -> str:
    """Return what a program answers; pulumi logs every call in its PULUMI_HOME, which is not the user's here."""
    with tempfile.TemporaryDirectory() as home:
        return subprocess.run(
            [path, "version"],
            capture_output=True,
            text=True,
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "1", "PULUMI_HOME": home},
            timeout=PROBE_TIMEOUT_SECONDS,
            check=True,
        ).stdout


def check_pulumi(path: Path) -> Program:
    """Return the CLI at a path as a program to use.

    Raises:
        ToolchainError: it is too old, or no language host for Python lies beside it (with
            PULUMI_IGNORE_AMBIENT_PLUGINS=1 the CLI looks nowhere else).
    """
    path = path.resolve()
    for name in (LANGUAGE_HOST, LANGUAGE_SCRIPT):
        if not os.access(path.with_name(name), os.R_OK):
            raise ToolchainError(f"{path} has no {name} beside it", path=str(path))
    return Program(path, dotted(check_version(path, MINIMUM_PULUMI)))


def check_version(path: Path, minimum: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return a program's version.

    Raises:
        ToolchainError: it is older than the minimum.
    """
    version = probe_version(path)
    if version < minimum:
        raise ToolchainError(f"{path} is {dotted(version)}; {dotted(minimum)} or newer is needed", path=str(path))
    return version


def dotted(version: tuple[int, int, int]) -> str:
    """Write a version as people do."""
    return ".".join(map(str, version))


def candidates(name: str) -> list[Path]:
    """Return where a program may be, the toolchain's own folder first."""
    on_path = shutil.which(name)
    return [path for path in (own_bin() / name, Path(on_path) if on_path else None) if path and path.exists()]


def find() -> Found:
    """Look for every program without installing any."""
    found = Found()
    for path in candidates("pulumi"):
        if found.pulumi is None:
            try:
                found.pulumi = check_pulumi(path)
            except ToolchainError as error:
                found.rejected.append(error.message)
    for path in candidates("crane"):
        if found.crane is None:
            try:
                found.crane = Program(path, dotted(check_version(path, MINIMUM_CRANE)))
            except ToolchainError as error:
                found.rejected.append(error.message)
    return found


def find_uv() -> Path:
    """Return the uv that the launcher brought, or the one on PATH.

    Raises:
        ToolchainError: there is none.
    """
    own = cache_dir() / "uv" / UV_VERSION / "bin" / "uv"
    if own.is_file():
        return own
    on_path = shutil.which("uv")
    if on_path is None:
        raise ToolchainError("uv is not there", path=str(own), fix="run ./stile once: it brings uv")
    return Path(on_path)
