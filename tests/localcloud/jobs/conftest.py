"""A registry on loopback, tiny images pushed to it, and a host of containers in each mode."""

import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import platformdirs
import pytest

from infra.localcloud.jobs.container import ContainerHost, Settings
from infra.localcloud.jobs.ports import free_port
from infra.localcloud.jobs.root import Mode, probe

NAME = "tiny/job"


def find_crane() -> str:
    """Return crane: on PATH, or where the toolchain installs it."""
    installed = sorted((platformdirs.user_cache_path("stile") / "toolchain").glob("*/bin/crane"))
    found = shutil.which("crane") or (str(installed[-1]) if installed else None)
    if found is None:
        pytest.skip("crane is not installed (the toolchain installs it)")
    return found


@pytest.fixture(scope="session")
def crane() -> str:
    return find_crane()


@pytest.fixture(scope="session")
def registry(crane: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a registry that forgets everything."""
    address = f"127.0.0.1:{free_port()}"
    # Its log goes to a file: a pipe that nobody reads fills, and then it answers no more.
    with (tmp_path_factory.mktemp("registry") / "log").open("wb") as log:
        server = subprocess.Popen([crane, "registry", "serve", "--address", address], stderr=log)
    try:
        while not answers(address):
            assert server.poll() is None
        yield address
    finally:
        server.terminate()
        server.wait()


def answers(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/v2/").is_success
    except httpx.TransportError:
        return False


Push = Callable[..., str]


@pytest.fixture(scope="session")
def push(crane: str, registry: str, tmp_path_factory: pytest.TempPathFactory) -> Push:
    """Push an image made of {path: content} and return its URI by digest."""

    def make(files: dict[str, str | bytes], *mutations: str) -> str:
        archive = tmp_path_factory.mktemp("layer") / "layer.tar"
        with tarfile.open(archive, "w") as tar:
            for path, given in files.items():
                content = given.encode() if isinstance(given, str) else given
                member = tarfile.TarInfo(path)
                member.size, member.mode = len(content), 0o755
                tar.addfile(member, io.BytesIO(content))
        target = f"{registry}/{NAME}:latest"
        run(crane, "append", "--new_layer", str(archive), "--new_tag", target)
        run(crane, "mutate", target, "--tag", target, *mutations)
        return f"000000000000.dkr.ecr.us-east-1.amazonaws.com/{NAME}@{run(crane, 'digest', target).strip()}"

    return make


def run(*argv: str) -> str:
    """Run a command; its output is in the failure when it fails."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


@pytest.fixture(params=[Mode.NAMESPACE, Mode.VARIABLE], ids=lambda mode: mode.value)
def host(request: pytest.FixtureRequest, registry: str, tmp_path: Path) -> ContainerHost:
    """This machine as a host of containers, in both modes."""
    mode: Mode = request.param
    if mode is Mode.NAMESPACE and probe(None) is not Mode.NAMESPACE:
        pytest.skip("this machine gives no mount namespaces")
    return ContainerHost(Settings(tmp_path / "jobs", f"http://{registry}", mode=mode.value))
