"""The launcher: from nothing but bash and Python to the command line, once; told what fails, and safe to interrupt."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.toolchain import bootstrap

ROOT = Path(__file__).resolve().parents[2]
# Makes an environment whose Python tells what it is started with; writes down each call, waits where `hold` says so.
UV = f"""#!/bin/sh
echo "$PWD $*" >> "$UV_LOG"
while [ -e "$UV_LOG.hold" ]; do sleep 0.02; done
[ -e "$UV_LOG.fail" ] && cat "$UV_LOG.fail" >&2 && exit 2
mkdir -p .venv/bin
echo "version_info = 3.11" > .venv/pyvenv.cfg
cat > .venv/bin/python <<'END'
#!/bin/sh
[ "$1" = -P ] || exec {sys.executable} "$@"
echo "bytecode=${{PYTHONDONTWRITEBYTECODE-unset}} $*"
END
chmod +x .venv/bin/python
"""


@dataclass(frozen=True)
class Clone:
    """A clone with the launcher, two locked environments, and a uv that is only told of."""

    root: Path
    log: Path

    def start(self, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        shell = {**os.environ, "UV_LOG": str(self.log), "PYTHONDONTWRITEBYTECODE": "1", **variables}
        return subprocess.Popen(
            [self.root / "stile", *arguments], env=shell, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        process = self.start(*arguments, **variables)
        out, err = process.communicate()
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    @property
    def calls(self) -> list[str]:
        """What uv was called with."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def flag(self, name: str) -> Path:
        """The file that makes the fake uv `hold` or `fail`."""
        return self.log.with_name(f"{self.log.name}.{name}")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    cache = tmp_path / "cache"
    monkeypatch.setenv("STILE_CACHE_DIR", str(cache))
    uv = cache / "uv" / bootstrap.UV_VERSION / "bin" / "uv"
    uv.parent.mkdir(parents=True)
    uv.write_text(UV)
    uv.chmod(0o755)
    root = tmp_path / "a clone"
    for name in ("stile", "infra/toolchain/bootstrap.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, root / name)
    for folder in (root, root / "infra" / "localcloud" / "aws"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "uv.lock").write_text("version = 1\n")
        (folder / "pyproject.toml").write_text("[project]\n")
    return Clone(root, tmp_path / "uv.log")


def await_true(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_first_start_makes_both_environments_and_the_second_none(clone: Clone) -> None:
    first = clone.run("up", "--json", "a b")
    assert first.returncode == 0, first.stderr
    assert first.stdout == "bytecode=unset -P -m infra.cli up --json a b\n"
    flags = "sync --frozen --compile-bytecode --no-progress"
    assert clone.calls == [f"{clone.root} {flags} --all-extras", f"{clone.root}/infra/localcloud/aws {flags}"]
    assert "Stile's packages: done" in first.stderr
    second = clone.run("up")
    assert (second.returncode, second.stderr) == (0, "")
    assert len(clone.calls) == 2


def test_it_starts_from_anywhere_and_through_a_link(clone: Clone, tmp_path: Path) -> None:
    link = tmp_path / "bin" / "stile"
    link.parent.mkdir()
    link.symlink_to(os.path.relpath(clone.root / "stile", link.parent))
    shell = {**os.environ, "UV_LOG": str(clone.log)}
    done = subprocess.run([link, "x"], cwd="/", env=shell, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("-P -m infra.cli x\n")


@pytest.mark.parametrize("changed", ["uv.lock", "pyproject.toml", "infra/localcloud/aws/uv.lock", ".venv/pyvenv.cfg"])
def test_what_is_not_as_locked_is_made_again_and_only_that(clone: Clone, changed: str) -> None:
    clone.run("x")
    (clone.root / changed).write_text("changed\n")
    clone.run("x")
    folder = "infra/localcloud/aws" if changed.startswith("infra") else ""
    assert [call.split(" sync")[0] for call in clone.calls[2:]] == [str(clone.root / folder)]


def test_without_a_network_it_says_what_why_and_from_where(clone: Clone) -> None:
    """The cause is uv's own last lines; the answer is not a traceback, and stdout stays empty."""
    clone.flag("fail").write_text("error: Failed to fetch `pandas`\n  Caused by: dns error: no such host\n")
    failed = clone.run("up")
    assert (failed.returncode, failed.stdout) == (1, "")
    for part in ("Stile's packages failed (exit code 2)", "dns error: no such host", "UV_DEFAULT_INDEX", "fix:"):
        assert part in failed.stderr
    assert "Traceback" not in failed.stderr
    clone.flag("fail").unlink()
    assert clone.run("up").returncode == 0


def test_two_starts_at_once_make_each_environment_once(clone: Clone) -> None:
    clone.flag("hold").touch()
    first, second = clone.start("x"), clone.start("x")
    await_true(lambda: len(clone.calls) == 1)
    clone.flag("hold").unlink()
    errors = [process.communicate()[1] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], errors
    assert len(clone.calls) == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_it_leaves_nothing_that_runs_and_goes_on_next_time(clone: Clone, number: int, code: int) -> None:
    clone.flag("hold").touch()
    busy = clone.start("x")
    await_true(lambda: len(clone.calls) == 1)
    busy.send_signal(number)
    assert busy.wait(30) == code
    busy.communicate()
    clone.flag("hold").unlink()
    done = clone.run("x")
    assert done.returncode == 0, done.stderr
    assert len(clone.calls) == 3


def test_without_any_python_it_says_what_to_install(clone: Clone, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "env", "dirname", "readlink"):
        (tools / name).symlink_to(shutil.which(name) or name)
    failed = clone.run("x", PATH=str(tools))
    assert failed.returncode == 1
    assert "no Python found" in failed.stderr
    assert "install Python 3.11 or 3.12" in failed.stderr


def test_a_shim_that_starts_nothing_is_no_python(clone: Clone, tmp_path: Path) -> None:
    """Version managers put a python3.12 on PATH that only says that it is not installed."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "env", "dirname", "readlink", "sh", "sleep", "mkdir", "cat", "chmod"):
        (tools / name).symlink_to(shutil.which(name) or name)
    for name in ("python3.11", "python3.12"):
        (tools / name).write_text("#!/bin/sh\nexit 127\n")
        (tools / name).chmod(0o755)
    (tools / "python3").symlink_to(sys.executable)
    done = clone.run("x", PATH=str(tools))
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_uv_is_really_brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the pip of a virtual environment, from the registry that pip is set to use."""
    try:
        uv = bootstrap.ensure_uv(tmp_path)
    except bootstrap.StepFailed as failure:
        pytest.skip(f"uv cannot be had here: {failure.output[-1:]}")
    said = subprocess.run([uv, "--version"], capture_output=True, text=True, check=True).stdout
    assert said.startswith(f"uv {bootstrap.UV_VERSION}")
    assert [path.name for path in (tmp_path / "uv").iterdir() if path.name.startswith(".new-")] == []
