"""Pulls images into a cache on disk: each layer unpacked once, each image stacked once."""

import contextlib
import hashlib
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.localcloud.jobs import layers
from infra.localcloud.jobs.registry import ImageError, Manifest, Reference, Registry

__all__ = ["Image", "ImageError", "ImageStore"]
LOG = logging.getLogger(__name__)
KINDS = ("layers", "stacked")
BUILDING = ".building-"
BUILDING_DAYS = 1
UNUSED_DAYS = 14


@dataclass(frozen=True)
class Image:
    """An image that lies unpacked in `files`, with what its config says of running it."""

    digest: str
    files: Path
    env: Mapping[str, str]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    working_dir: str
    ships_byte_code: bool = False

    @property
    def has_base(self) -> bool:
        """Whether the image brings a system of its own, rather than files only."""
        shell, programs = self.files / "bin" / "sh", self.files / "usr" / "bin"
        return shell.exists() or shell.is_symlink() or (programs.is_dir() and any(programs.iterdir()))

    def argv(self, entrypoint: tuple[str, ...] | None, arguments: tuple[str, ...] | None) -> tuple[str, ...]:
        """Join entrypoint and arguments as a container engine does: an own entrypoint drops the image's command.

        Raises ImageError when there is nothing to run.
        """
        program = self.entrypoint if entrypoint is None else entrypoint
        default = self.command if entrypoint is None else ()
        argv = (*program, *(default if arguments is None else arguments))
        if not argv:
            raise ImageError(f"{self.digest}: neither the image nor the request says what to run")
        return argv


class ImageStore:
    """The images of one cache folder; may be used from many threads."""

    def __init__(self, folder: Path, registry: Registry) -> None:
        self._folder = folder
        self._registry = registry
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._compiled: dict[Path, bool] = {}

    def pull(self, uri: str) -> Image:
        """Return the image of a URI, unpacked. Raises ImageError when it cannot be had or is not sound."""
        reference = Reference.parse(uri)
        manifest = self._registry.manifest(reference)
        unpacked = [self._layer(reference, digest) for digest in manifest.layers]
        chain = hashlib.sha256("\n".join(manifest.layers).encode()).hexdigest()
        files = self._once(self._folder / "stacked" / chain, lambda target: layers.stack(unpacked, target))
        return _image(manifest, files, ships_byte_code=self._ships_byte_code(files))

    def _ships_byte_code(self, files: Path) -> bool:
        """Look through an image once; asked again, remember."""
        if files not in self._compiled:
            self._compiled[files] = layers.ships_byte_code(files)
        return self._compiled[files]

    def prune(self) -> None:
        """Remove what no image was made of for a long time, and what was left half made."""
        for entry in [entry for kind in KINDS for entry in (self._folder / kind).glob("*")]:
            days = BUILDING_DAYS if entry.name.startswith(BUILDING) else UNUSED_DAYS
            with contextlib.suppress(FileNotFoundError):  # another cloud may prune the same cache
                if time.time() - entry.stat().st_mtime > days * 86_400:
                    LOG.info("image cache: %s was not used for %d days", entry, days)
                    shutil.rmtree(entry, ignore_errors=True)

    def check(self, uri: str) -> None:
        """Raise ImageError unless the registry has the image of a URI."""
        self._registry.manifest(Reference.parse(uri))

    def _layer(self, reference: Reference, digest: str) -> Path:
        def fetch(target: Path) -> None:
            archive = target.with_name("archive")
            self._registry.save_blob(reference, digest, archive)
            layers.unpack(archive, target)

        return self._once(self._folder / "layers" / digest.removeprefix("sha256:"), fetch)

    def _once(self, target: Path, build: Callable[[Path], None]) -> Path:
        """Build a folder beside its place and move it there whole, once, whoever asks."""
        with self._guard:
            lock = self._locks.setdefault(str(target), threading.Lock())
        with lock:
            if target.exists():
                os.utime(target)  # see `prune`
                return target
            target.parent.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=BUILDING))
            try:
                build(scratch / "files")
                _move_whole(scratch / "files", target)
            finally:
                shutil.rmtree(scratch)
            LOG.info("image cache: %s is ready", target)
            return target


def _move_whole(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError:
        if not target.exists():  # else another process was faster, and content-addressed folders are equal
            raise


def _image(manifest: Manifest, files: Path, *, ships_byte_code: bool) -> Image:
    config: Mapping[str, Any] = manifest.config.get("config") or {}
    pairs = (entry.partition("=") for entry in config.get("Env") or ())
    return Image(
        digest=manifest.digest,
        files=files,
        env={name: value for name, _, value in pairs},
        entrypoint=tuple(config.get("Entrypoint") or ()),
        command=tuple(config.get("Cmd") or ()),
        ships_byte_code=ships_byte_code,
        working_dir=os.path.normpath(config.get("WorkingDir") or "/"),
    )
