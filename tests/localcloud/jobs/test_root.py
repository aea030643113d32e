"""Protects what a job sees at /: its image, its own files and the system; not the host's, and nothing to break."""

import importlib.util
import marshal
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from infra.localcloud.jobs.container import Container, ContainerHost, Settings
from infra.localcloud.jobs.process import LogLine
from infra.localcloud.jobs.root import BYTE_CODE, Interpreter, Mode, probe
from tests.localcloud.jobs.conftest import Push

CODE = {"opt/code/main.py": "import carried\nprint(carried.__cached__)\n", "opt/code/carried.py": "A = 1\n"}


@pytest.fixture
def namespaces() -> None:
    if probe(None) is not Mode.NAMESPACE:
        pytest.skip("this machine gives no mount namespaces")


def run(container: Container, *command: str, **env: str) -> tuple[int, list[str]]:
    lines: list[LogLine] = []
    entrypoint = tuple(command) or None
    ended = container.start(env=env, sink=lines.append, entrypoint=entrypoint).wait(60)
    assert ended is not None
    return ended.code, [line.text for line in lines]


@pytest.fixture
def image(push: Push) -> str:
    return push(CODE, "--entrypoint=python,/opt/code/main.py", "--env=PYTHONPATH=/opt/code", "--workdir=/opt/work")


def namespace_host(registry: str, home: Path) -> ContainerHost:
    return ContainerHost(Settings(home, f"http://{registry}", mode=Mode.NAMESPACE.value))


@pytest.mark.usefixtures("namespaces")
def test_a_job_cannot_change_the_host_or_the_image(registry: str, image: str, tmp_path: Path) -> None:
    """Protects the machine, and every later job of the same image, from what a job writes."""
    host = namespace_host(registry, tmp_path / "home, with: odd name")
    container = host.create("job", image)
    base = Path(sys.base_prefix).resolve()
    for target in ("/usr/stile-was-here", "/etc/stile-was-here", f"{base}/stile-was-here"):
        code, lines = run(container, "touch", target)
        assert code != 0
        assert re.search("Read-only|Permission denied", lines[0])
    assert run(container, "sh", "-c", "echo 'print(5)' > /opt/code/main.py && pwd") == (0, ["/opt/work"])
    assert run(container) == (0, ["5"])
    assert run(host.create("job", image))[1] != ["5"]
    assert (container.image.files / "opt/code/main.py").read_text() == CODE["opt/code/main.py"]


@pytest.mark.usefixtures("namespaces")
def test_a_job_sees_no_file_of_the_host_beside_the_system(registry: str, image: str, tmp_path: Path) -> None:
    """Protects that a job works because of its image, not because of this machine."""
    (tmp_path / "secret").write_text("secret")
    container = namespace_host(registry, tmp_path / "home").create("job", image)
    assert run(container, "cat", str(tmp_path / "secret"))[0] == 1
    assert run(container, "python", "-c", "import pip")[0] == 1
    code, lines = run(container, "sh", "-c", "echo $$; ls /proc | grep -c '^[0-9]*$'; env")
    assert code == 0
    assert int(lines[1]) <= 6  # processes: its own only
    names = {line.partition("=")[0] for line in lines[2:]}
    assert names <= {"PATH", "HOME", "PWD", "PYTHONPATH", "PYTHONPYCACHEPREFIX", "OLDPWD", "_", "SHLVL"}


@pytest.mark.usefixtures("namespaces")
def test_pip_is_the_interpreters_and_not_the_machines(registry: str, image: str, tmp_path: Path) -> None:
    """Protects the vendor's SDK, whose start script looks for `pip` on PATH: it is a module of the job's own Python."""
    container = namespace_host(registry, tmp_path / "home").create("job", image)
    assert run(container, "sh", "-c", "command -v pip3") == (0, ["/var/lib/stile/bin/pip3"])
    code, lines = run(container, "pip", "--version")
    assert code == 1
    assert "No module named pip" in lines[-1]  # which this image, unlike the job image, does not bring


def test_byte_code_is_kept_for_the_next_job(host: ContainerHost, image: str) -> None:
    """Protects fast imports: four times slower ones in every job otherwise."""
    first = host.create("job", image)
    code, lines = run(first)
    assert code == 0
    kept = list((host.settings.home / "bytecode").rglob("carried*.pyc"))
    assert len(kept) == 1
    changed = kept[0].stat().st_mtime_ns
    assert run(host.create("job", image)) == (0, lines)
    assert kept[0].stat().st_mtime_ns == changed
    if host.mode is Mode.NAMESPACE:
        assert lines[0].startswith(BYTE_CODE)


def test_byte_code_of_another_version_is_not_used(host: ContainerHost, push: Push) -> None:
    """Protects from running old code: layers are reproducible, so both versions have one date and one size."""
    for value in ("A = 1\n", "A = 2\n"):
        files = {"opt/code/main.py": "import carried; print(carried.A)", "opt/code/carried.py": value}
        uri = push(files, "--entrypoint=python,/opt/code/main.py", "--env=PYTHONPATH=/opt/code")
        assert run(host.create("job", uri)) == (0, [value[4]])


def test_byte_code_that_an_image_brings_is_used(host: ContainerHost, push: Push) -> None:
    """Protects images that were compiled when they were built: nothing of them is compiled again."""
    source = "A = 'source'\n"
    compiled = compile("A = 'byte code'\n", "/opt/code/carried.py", "exec")
    head = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + importlib.util.source_hash(source.encode())
    files: dict[str, str | bytes] = {
        "opt/code/main.py": "import carried; print(carried.A)",
        "opt/code/carried.py": source,
        importlib.util.cache_from_source("opt/code/carried.py"): head + marshal.dumps(compiled),
    }
    uri = push(files, "--entrypoint=python,/opt/code/main.py", "--env=PYTHONPATH=/opt/code")
    assert run(host.create("job", uri)) == (0, ["byte code"])


def libraries(program: Path) -> list[Path]:
    """The libraries that a program of this machine needs."""
    listed = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
    return [Path(found) for found in re.findall(r"(/\S+) \(0x", listed)]


@pytest.mark.usefixtures("namespaces")
def test_an_image_with_a_base_is_its_own_system(registry: str, crane: str, tmp_path: Path) -> None:
    """Protects real base images: their own /bin/sh runs, and the host's programs are not there."""
    tree = tmp_path / "tree"
    shell = Path(shutil.which("dash") or "/bin/sh").resolve()
    for source, target in ((shell, Path("bin/sh")), *((path, Path(str(path)[1:])) for path in libraries(shell))):
        (tree / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source.resolve(), tree / target)
    (tree / "etc").mkdir()
    (tree / "etc/name").write_text("of the image\n")
    archive = tmp_path / "base.tar"
    subprocess.run(["tar", "-C", str(tree), "-cf", str(archive), "."], check=True)
    tag = f"{registry}/tiny/base:v1"
    for argv in ([crane, "append", "-f", str(archive), "-t", tag], [crane, "mutate", tag, "-t", tag, "--cmd=/bin/sh"]):
        subprocess.run(argv, check=True, capture_output=True)
    container = namespace_host(registry, tmp_path / "home").create("job", "h/tiny/base:v1")
    assert container.image.has_base
    script = "read name < /etc/name; echo $name; command -v python || echo no python; [ -e /etc/hosts ] && echo hosts"
    assert run(container, "/bin/sh", "-c", script) == (0, ["of the image", "no python", "hosts"])


def test_paths_of_the_image_are_found_without_a_root_of_its_own(registry: str, push: Push, tmp_path: Path) -> None:
    uri = push(
        CODE, "--entrypoint=python,/opt/code/main.py", "--env=PYTHONPATH=/nowhere:/opt/code", "--workdir=/opt/code"
    )
    container = ContainerHost(Settings(tmp_path, f"http://{registry}", mode="variable")).create("job", uri)
    (container.files / "opt/ml").mkdir(parents=True)
    code, lines = run(
        container, "sh", "-c", 'pwd; echo "$PYTHONPATH"; echo "$1"; echo "$STILE_CONTAINER_ROOT"', "-", "/opt/ml"
    )
    files = container.image.files
    assert code == 0
    assert [Path(lines[0]), Path(lines[2]), Path(lines[3])] == [
        files / "opt/code",
        container.files / "opt/ml",
        container.files,
    ]
    assert lines[1] == f"/nowhere:{files}/opt/code"


def test_a_mode_is_probed_or_forced() -> None:
    assert probe(None) in Mode
    assert probe("variable") is Mode.VARIABLE
    with pytest.raises(ValueError, match="chroot"):
        probe("chroot")


def test_the_interpreter_is_found_past_a_virtual_environment() -> None:
    found = Interpreter.of(sys.executable)
    assert found.prefix == Path(sys.base_prefix).resolve()
    assert found.executable.is_relative_to(found.prefix)
    assert found.packages.is_relative_to(found.prefix)
    assert os.access(found.executable, os.X_OK)


def test_a_jobs_tmp_is_for_everybody(host: ContainerHost, image: str) -> None:
    container = host.create("job", image)
    assert stat.S_IMODE((container.files / "tmp").stat().st_mode) == 0o1777
