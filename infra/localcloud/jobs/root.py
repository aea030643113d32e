"""Gives each job a root of its own: a mount namespace where there is one, else a root variable and rewritten paths."""

import dataclasses
import enum
import json
import logging
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infra.localcloud.jobs.image import Image
from infra.localcloud.jobs.process import Command

LOG = logging.getLogger(__name__)
ROOT_VARIABLE = "STILE_CONTAINER_ROOT"
"""Set for jobs without a root of their own: the folder in which they find what is at / elsewhere."""
MODE_VARIABLE = "STILE_JOB_ROOT"
SYSTEM_FOLDERS = ("bin", "etc", "lib", "lib32", "lib64", "libx32", "sbin", "usr")
NETWORK_FILES = ("etc/hosts", "etc/hostname", "etc/resolv.conf")
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BYTE_CODE = "/var/cache/stile/bytecode"
PROGRAMS = "/var/lib/stile/bin"
UNSHARE = ("unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child")
_BIND_FLAGS = {
    "ST_NOSUID": "nosuid",
    "ST_NODEV": "nodev",
    "ST_NOEXEC": "noexec",
    "ST_NOATIME": "noatime",
    "ST_NODIRATIME": "nodiratime",
    "ST_RELATIME": "relatime",
}


class Mode(enum.Enum):
    """How a job gets its root."""

    NAMESPACE = "namespace"
    VARIABLE = "variable"


@dataclass(frozen=True)
class Interpreter:
    """The host's Python that images without a base run under."""

    executable: Path
    prefix: Path
    packages: Path

    @classmethod
    def of(cls, executable: str) -> "Interpreter":
        """Ask an interpreter where it lives, past any virtual environment. Raises OSError or CalledProcessError."""
        asked = (
            "import json, sys, sysconfig;"
            "base = sys.base_prefix; own = {'base': base, 'platbase': base, 'installed_base': base};"
            "print(json.dumps([getattr(sys, '_base_executable', sys.executable), base,"
            " sysconfig.get_path('purelib', vars=own)]))"
        )
        answer = subprocess.run([executable, "-I", "-c", asked], capture_output=True, check=True, text=True)
        found, prefix, packages = json.loads(answer.stdout)
        return cls(Path(found).resolve(), Path(prefix).resolve(), Path(packages).resolve())


@dataclass(frozen=True)
class Layout:
    """A job's folders, all below `home`, so that mount options can name them by short relative paths.

    `files` holds what the job finds and leaves at / (`files/opt/ml` is its /opt/ml).
    """

    home: Path
    run: Path
    byte_code: Path

    @property
    def files(self) -> Path:
        """What the job finds and leaves at /."""
        return self.run / "root"

    @property
    def begins(self) -> Path:
        """A file that is there once the root is mounted, right before the program starts."""
        return self.run / "begins"

    def create(self) -> None:
        """Make the folders. Raises FileExistsError when the run has some already."""
        self.run.mkdir(parents=True, exist_ok=True)
        for folder in (self.files, self.run / "work", self.run / "merged", self.run / "empty"):
            folder.mkdir()
        (self.files / "tmp").mkdir(mode=0o700)
        (self.files / "tmp").chmod(0o1777)
        self.byte_code.mkdir(parents=True, exist_ok=True)


@dataclass(frozen=True)
class Program:
    """What the job runs, in the terms of its container."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    working_dir: str


@cache
def probe(asked: str | None) -> Mode:
    """Find out, once, which mode this machine allows; `asked` (the environment's STILE_JOB_ROOT) can force one.

    Raises ValueError for another name of a mode.
    """
    if asked:
        return Mode(asked)
    with tempfile.TemporaryDirectory(prefix="stile-probe-") as folder:
        script = (
            "set -e; mkdir lower upper work merged\n"
            "mount -t overlay overlay -o userxattr,lowerdir=lower,upperdir=upper,workdir=work merged\n"
            "mkdir merged/proc; mount -t proc proc merged/proc; mount --rbind /dev upper"
        )
        try:
            argv = [*UNSHARE, "sh", "-c", script]
            tried = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
        except OSError as error:
            LOG.warning("jobs run without a root of their own: %s", error)
            return Mode.VARIABLE
    if tried.returncode != 0:
        LOG.warning("jobs run without a root of their own: %s", tried.stderr.strip())
        return Mode.VARIABLE
    return Mode.NAMESPACE


def command(mode: Mode, layout: Layout, image: Image, program: Program, interpreter: Interpreter) -> Command:
    """Make the command that runs a program of an image in a layout that was created."""
    if mode is Mode.NAMESPACE:
        return _in_namespace(layout, image, program, interpreter)
    return _with_variable(layout, image, program, interpreter)


def _environment(image: Image, program: Program, programs: str) -> dict[str, str]:
    # With a prefix, Python no longer looks for the byte code that an image brings beside its sources.
    cached = {} if image.ships_byte_code else {"PYTHONPYCACHEPREFIX": BYTE_CODE}
    env = {"PATH": DEFAULT_PATH, "HOME": "/root", **cached, **image.env, **program.env}
    if not image.has_base:
        env["PATH"] = f"{programs}:{env['PATH']}"
    return env


def _link_interpreter(folder: Path, interpreter: Interpreter) -> None:
    """Put the interpreter on the job's PATH, and pip: the vendor's SDK starts jobs by a script that asks for both."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("pip", "pip3"):
        (folder / name).write_text('#!/bin/sh\nexec python -m pip "$@"\n')
        (folder / name).chmod(0o755)
    for name in ("python", "python3", interpreter.executable.name):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(interpreter.executable)


def _in_namespace(layout: Layout, image: Image, program: Program, interpreter: Interpreter) -> Command:
    if not image.has_base:
        _link_interpreter(layout.files / PROGRAMS.lstrip("/"), interpreter)
    script = layout.run / "start.sh"
    script.write_text("\n".join(mount_script(layout, image, program, interpreter)) + "\n")
    argv = (_tool(UNSHARE[0]), *UNSHARE[1:], _tool("sh"), str(script), *program.argv)
    environment = _environment(image, program, PROGRAMS)
    layout.begins.unlink(missing_ok=True)  # a server that ended is started again
    return Command(argv, environment, layout.home, contained=True, begins=layout.begins)


def mount_script(layout: Layout, image: Image, program: Program, interpreter: Interpreter) -> Iterator[str]:
    """Write the shell script that mounts the job's root in a fresh namespace and runs `"$@"` in it.

    The shell stays as the namespace's init, so that a signal ends a program that does not handle it.
    """
    mount, make = _tool("mount"), _tool("mkdir")
    relative = {name: layout.run.relative_to(layout.home) / name for name in ("root", "work", "merged")}
    lower = image.files.relative_to(layout.home)
    root = layout.run / "merged"
    yield "set -e"
    yield (
        f"{mount} -t overlay overlay -o userxattr,lowerdir={lower},upperdir={relative['root']},"
        f"workdir={relative['work']} {relative['merged']}"
    )
    needed = ("/proc", "/dev", "/sys", "/root", BYTE_CODE, program.working_dir)
    folders = [root / name.lstrip("/") for name in needed]
    yield f"{make} -p {_quoted(*folders)}"
    yield f"{mount} -t proc proc {_quoted(root / 'proc')}"
    for name in ("dev", "sys"):
        yield f"{mount} --rbind /{name} {_quoted(root / name)}"
    yield f"{mount} --bind {_quoted(layout.byte_code, root / BYTE_CODE.lstrip('/'))}"
    if image.has_base:
        yield from _network_files(mount, make, root)
    else:
        yield from _system_folders(image, layout, root)
        yield from _interpreter_mounts(interpreter, layout, root)
    inner = f"{_tool('unshare')} --root {_quoted(root)} --wd {shlex.quote(program.working_dir)} --"
    yield f": > {_quoted(layout.begins)}"
    yield "set +e"
    yield f'{inner} "$@"'
    yield "exit $?"


def _network_files(mount: str, make: str, root: Path) -> Iterator[str]:
    for name in NETWORK_FILES:
        if Path("/", name).exists():
            yield f"{make} -p {_quoted(root / 'etc')}"
            yield f"[ -e {_quoted(root / name)} ] || : > {_quoted(root / name)}"
            yield f"{mount} --bind {_quoted(Path('/', name), root / name)}"


def _system_folders(image: Image, layout: Layout, root: Path) -> Iterator[str]:
    """Show the host's system read-only, with the image's own files over it."""
    mount, make = _tool("mount"), _tool("mkdir")
    for name in SYSTEM_FOLDERS:
        source, target = Path("/", name), root / name
        own = image.files / name
        if source.is_symlink() and not own.exists():
            yield f"{_tool('ln')} -sfn {_quoted(source.readlink(), target)}"
        elif source.is_dir() and own.is_dir():
            lower = own.relative_to(layout.home)
            yield f"{mount} -t overlay overlay -o userxattr,lowerdir={lower}:{_quoted(source)} {_quoted(target)}"
        elif source.is_dir():
            yield f"{make} -p {_quoted(target)}"
            yield from _read_only(source, target)


def _interpreter_mounts(interpreter: Interpreter, layout: Layout, root: Path) -> Iterator[str]:
    """Show the host's interpreter, but not what is installed in it: an image brings its own packages."""
    mount = _tool("mount")
    prefix, packages = interpreter.prefix, interpreter.packages
    system = any(prefix.is_relative_to(f"/{name}") for name in SYSTEM_FOLDERS)
    if not system:
        target = root / str(prefix).lstrip("/")
        yield f"{_tool('mkdir')} -p {_quoted(target)}"
        yield from _read_only(prefix, target)
    if packages.is_dir():
        yield f"{mount} --bind {_quoted(layout.run / 'empty', root / str(packages).lstrip('/'))}"


def _read_only(source: Path, target: Path) -> Iterator[str]:
    mount = _tool("mount")
    flags = os.statvfs(source).f_flag
    # A user namespace may not drop what the host's mount forbids: repeat it.
    kept = [option for name, option in _BIND_FLAGS.items() if flags & getattr(os, name)]
    yield f"{mount} --rbind {_quoted(source, target)}"
    yield f"{mount} -o {','.join(['remount', 'bind', 'ro', *kept])} {_quoted(target)}"


def _with_variable(layout: Layout, image: Image, program: Program, interpreter: Interpreter) -> Command:
    programs = layout.run / "bin"
    _link_interpreter(programs, interpreter)

    def all_placed(value: str) -> str:
        return ":".join(_placed(layout, image, part) for part in value.split(":"))

    image = dataclasses.replace(image, env={name: all_placed(value) for name, value in image.env.items()})
    placed = _environment(image, program, str(programs))
    placed.update({ROOT_VARIABLE: str(layout.files), "HOME": str(layout.files / "root")})
    if placed.get("PYTHONPYCACHEPREFIX") == BYTE_CODE:
        placed["PYTHONPYCACHEPREFIX"] = str(layout.byte_code)
    (layout.files / "root").mkdir(exist_ok=True)
    argv = tuple(_placed(layout, image, part) for part in program.argv)
    found = shutil.which(argv[0], path=placed["PATH"]) or argv[0]
    work = Path(_placed(layout, image, program.working_dir))
    if work == Path(program.working_dir):
        work = layout.files / program.working_dir.lstrip("/")
        work.mkdir(parents=True, exist_ok=True)
    return Command((found, *argv[1:]), placed, work)


def _placed(layout: Layout, image: Image, value: str) -> str:
    """Return where a path of the container is on this machine: the job's own files first, then the image's."""
    if not value.startswith("/") or value == "/":
        return value
    for root in (layout.files, image.files):
        if os.path.lexists(root / value.lstrip("/")):
            return str(root / value.lstrip("/"))
    return value


@cache
def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} (util-linux, coreutils) is not on PATH")
    return found


def _quoted(*paths: Path) -> str:
    return " ".join(shlex.quote(str(path)) for path in paths)
