"""The layer of locked packages: which ones, installed for the image, packed once per lock and kept in the cache."""

import hashlib
import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from threading import Event
from typing import Final

from infra.providers.kit.resource import PluginError
from infra.providers.stile import bytecode, layers
from infra.providers.stile.programs import Progress, run, uv
from infra.toolchain.bootstrap import cache_dir

PACKAGES_ROOT: Final = PurePosixPath("opt/stile/packages")
# the container platform -> the wheels to take; glibc 2.28 is what Debian 12 and Amazon Linux 2023 exceed
PLATFORMS: Final = {"linux/amd64": "x86_64-manylinux_2_28"}
# changes whenever the same packages would give another layer
_FORMAT: Final = 1
# the project's own dependencies that no job imports, with what only they need
_PRUNED: Final = ("pulumi",)
# the installer's notes: they name folders, dates and hashes of what is left out here
_NOTES: Final = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"})
# of the installer, not of a package: scripts that name the interpreter's folder, and its lock
_DROPPED_AT_ROOT: Final = frozenset({"bin", ".lock"})
MINOR_VERSION: Final = re.compile(r"3\.\d+")


@dataclass(frozen=True)
class Packages:
    """What the packages layer is made from.

    Attributes:
        project_root: the folder of the lock; its settings for uv (indexes) hold for installing too.
        requirements: the locked packages with their hashes, as a requirements file.
        python_version: minor version, such as `3.11`.
        platform: a key of PLATFORMS.
    """

    project_root: Path
    requirements: str
    python_version: str
    platform: str

    @property
    def key(self) -> str:
        """Digest of everything that the layer's content follows from, `sha256:<hex>`."""
        parts = [_FORMAT, self.python_version, PLATFORMS[self.platform], self.requirements]
        return f"sha256:{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}"


def locked(project_root: Path, python_version: str, platform: str, cancelled: Event) -> Packages:
    """Read the lock file; takes some 30 ms. Raises ProgramError where there is none."""
    requirements = _export(project_root, "requirements.txt", cancelled)
    return Packages(project_root, requirements, python_version, platform)


def _export(project_root: Path, form: str, cancelled: Event) -> str:
    command: list[str | Path] = [uv(), "export", "--frozen", "--offline", "--quiet", "--project", project_root]
    command += ["--format", form, "--extra", "jobs", "--no-dev", "--no-emit-project", "--no-header", "--no-annotate"]
    for package in _PRUNED:
        command += ["--prune", package]
    return run(command, cancelled=cancelled, cwd=project_root)


def layer(packages: Packages, progress: Progress, cancelled: Event) -> Path:
    """Return the layer's file, made unless it is in the cache. Raises ProgramError."""
    folder = cache_dir() / "layers"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"packages-{packages.key.removeprefix('sha256:')}"
    kept = folder / f"{name}.tar.gz"
    if kept.is_file():
        return kept
    from filelock import FileLock

    with FileLock(folder / f"{name}.lock"):
        if not kept.is_file():
            _make(packages, kept, progress, cancelled)
    return kept


def _make(packages: Packages, kept: Path, progress: Progress, cancelled: Event) -> None:
    with tempfile.TemporaryDirectory(prefix="making-", dir=kept.parent) as scratch:
        installed = Path(scratch, "packages")
        progress("installing the locked packages of the jobs")
        _install(packages, installed, cancelled)
        progress("compiling them to byte code")
        _compile(packages, installed, cancelled)
        progress("packing them into a layer")
        packed = Path(scratch, kept.name)
        layers.write_packed(entries(installed), packed, threads=os.cpu_count() or 1)
        packed.replace(kept)
    progress(f"packed the jobs' packages, {kept.stat().st_size / 1e6:.0f} MB; kept in {kept.parent}")


def _install(packages: Packages, target: Path, cancelled: Event) -> None:
    # The same list with each file's address, as the lock has it: no index is asked, and what made this environment
    # has brought the files already.
    listed = target.with_name("pylock.toml")
    listed.write_text(_export(packages.project_root, "pylock.toml", cancelled))
    command: list[str | Path] = [uv(), "pip", "install", "--quiet", "--target", target, "--requirements", listed]
    command += ["--no-deps", "--only-binary", ":all:", "--python-version", packages.python_version]
    command += ["--python-platform", PLATFORMS[packages.platform], "--no-compile-bytecode"]
    run(command, cancelled=cancelled, cwd=packages.project_root)
    for folder in list(target.rglob("__pycache__")):  # some wheels bring one
        shutil.rmtree(folder)


def _compile(packages: Packages, installed: Path, cancelled: Event) -> None:
    if not MINOR_VERSION.fullmatch(packages.python_version):
        raise PluginError(f"pythonVersion is {packages.python_version}, not a minor version such as 3.11")
    python = run([uv(), "python", "find", packages.python_version], cancelled=cancelled).strip()
    run([python, "-I", "-S", bytecode.__file__, installed, f"/{PACKAGES_ROOT}"], cancelled=cancelled)


def entries(installed: Path) -> list[layers.Entry]:
    """Return the files of an installation that belong to the packages, not to the installer or the place."""
    found = ((path.relative_to(installed), path) for path in layers.files_below(installed))
    return sorted(
        layers.Entry(PACKAGES_ROOT / relative.as_posix(), path)
        for relative, path in found
        if relative.parts[0] not in _DROPPED_AT_ROOT and not _is_note(relative)
    )


def _is_note(relative: Path) -> bool:
    return relative.name in _NOTES and relative.parent.name.endswith(".dist-info")
