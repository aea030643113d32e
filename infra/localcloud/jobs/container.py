"""Runs images: pulls, gives a root, starts, and cleans up; the one place where the parts of a job meet."""

import logging
import shutil
import stat
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.localcloud.jobs import process
from infra.localcloud.jobs.image import Image, ImageStore
from infra.localcloud.jobs.process import Command, JobProcess, Limits, Sink
from infra.localcloud.jobs.registry import Registry
from infra.localcloud.jobs.root import MODE_VARIABLE, Interpreter, Layout, Mode, Program, command, probe

LOG = logging.getLogger(__name__)
MARKS = ("STILE_BOOT_ID",)


@dataclass(frozen=True)
class Settings:
    """Where containers live on this machine, and what each of them gets.

    Read from the environment: STILE_JOBS_DIR (the runs' folders), STILE_REGISTRY_URL (the registry on loopback),
    STILE_JOB_PYTHON (the interpreter of images without a base), STILE_IMAGE_CACHE (unpacked images and byte code, which
    outlive a local cloud; by default a folder of XDG_CACHE_HOME, else of STILE_JOBS_DIR), STILE_JOB_ROOT (forces a
    mode), STILE_BOOT_ID (the mark by which a local cloud's processes are found).
    """

    home: Path
    registry_url: str
    python: str = sys.executable
    mode: str | None = None
    cache: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        """Read the settings. Raises KeyError for a missing STILE_JOBS_DIR or STILE_REGISTRY_URL."""
        return cls(
            home=Path(env["STILE_JOBS_DIR"]).resolve(),
            registry_url=env["STILE_REGISTRY_URL"],
            python=env.get("STILE_JOB_PYTHON") or sys.executable,
            mode=env.get(MODE_VARIABLE) or None,
            cache=_cache(env),
            environment={name: env[name] for name in MARKS if name in env},
        )


def _cache(env: Mapping[str, str]) -> Path | None:
    if env.get("STILE_IMAGE_CACHE"):
        return Path(env["STILE_IMAGE_CACHE"])
    return Path(env["XDG_CACHE_HOME"], "stile-containers") if env.get("XDG_CACHE_HOME") else None


@dataclass(frozen=True)
class Container:
    """An image with folders of its own, ready to start once its inputs lie in `files`."""

    name: str
    image: Image
    layout: Layout
    host: "ContainerHost" = field(repr=False)

    @property
    def files(self) -> Path:
        """What the job finds and leaves at /."""
        return self.layout.files

    @property
    def log_path(self) -> Path:
        """The job's output."""
        return self.layout.run / "output.log"

    def start(
        self,
        *,
        env: Mapping[str, str],
        sink: Sink,
        entrypoint: tuple[str, ...] | None = None,
        arguments: tuple[str, ...] | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> JobProcess:
        """Start the image's program. Raises ImageError when there is none, OSError when it cannot be started."""
        marked = {**self.host.settings.environment, **env}
        program = Program(self.image.argv(entrypoint, arguments), marked, self.image.working_dir)
        return process.start(self.host.command(self, program), log_path=self.log_path, sink=sink, limits=limits)

    def remove(self) -> None:
        """Remove everything that the container left on this machine."""
        shutil.rmtree(self.layout.run, onerror=_force)


class ContainerHost:
    """This machine as a host of containers; one per local cloud."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._images = ImageStore(_cached(settings, "images"), Registry(settings.registry_url))
        self._byte_code = _cached(settings, "bytecode")
        threading.Thread(target=self._images.prune, name="image-prune", daemon=True).start()

    @cached_property
    def mode(self) -> Mode:
        """How jobs get their root here."""
        found = probe(self.settings.mode)
        LOG.info("jobs get their root by %s", found.value)
        return found

    @cached_property
    def _interpreter(self) -> Interpreter:
        return Interpreter.of(self.settings.python)

    def create(self, name: str, image: str) -> Container:
        """Pull an image and make a container of it. Raises ImageError."""
        pulled = self._images.pull(image)
        runs = self.settings.home / "runs"
        runs.mkdir(parents=True, exist_ok=True)
        run = Path(tempfile.mkdtemp(dir=runs, prefix=f"{name[:40]}-"))
        layout = Layout(self.settings.home, run, self._byte_code)
        layout.create()
        return Container(name, pulled, layout, self)

    def check(self, image: str) -> None:
        """Raise ImageError unless the registry has an image."""
        self._images.check(image)

    def command(self, container: Container, program: Program) -> Command:
        """Make the command that runs a program in a container."""
        return command(self.mode, container.layout, container.image, program, self._interpreter)


def _cached(settings: Settings, name: str) -> Path:
    """Return a folder of the cache, under a path inside of the home: mount options can name only short, plain ones."""
    inside = settings.home / name
    if settings.cache is not None and not inside.is_symlink():
        kept = settings.cache.resolve() / name
        kept.mkdir(parents=True, exist_ok=True)
        inside.parent.mkdir(parents=True, exist_ok=True)
        inside.symlink_to(kept)
    return inside


def _force(function: Callable[[str], Any], path: str, _: object) -> None:
    """Remove what the job (or the kernel, with an overlay's work folder) made unreadable."""
    target = Path(path)
    for folder in (target.parent, target):
        if folder.is_dir() and not folder.is_symlink():
            folder.chmod(stat.S_IRWXU)
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)
