"""The packages layer: the same bytes wherever it is made, made once, nothing of the place in it."""

import os
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from infra.providers.kit.resource import PluginError
from infra.providers.stile import packages
from tests.providers.stile.small_project import write_project

pytestmark = pytest.mark.usefixtures("fresh_cache")
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"


def locked(project: Path) -> packages.Packages:
    return packages.locked(project, MINOR, "linux/amd64", Event())


def made(project: Path) -> Path:
    return packages.layer(locked(project), lambda message: None, Event())


def test_two_projects_with_two_caches_give_the_same_layer(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = made(project)
    monkeypatch.setenv("STILE_CACHE_DIR", str(tmp_path / "other" / "cache"))
    second = made(write_project(tmp_path / "other" / "project"))
    assert first != second
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()


def test_the_layer_holds_the_package_and_its_byte_code_but_no_notes_of_the_installer(project: Path) -> None:
    with tarfile.open(made(project)) as tar:
        files = {member.name.removeprefix("opt/stile/packages/") for member in tar.getmembers() if member.isfile()}
    assert files == {
        "small/__init__.py",
        f"small/__pycache__/__init__.{sys.implementation.cache_tag}.pyc",
        "small/data.txt",
        "small-1.0.dist-info/METADATA",
        "small-1.0.dist-info/WHEEL",
        "small-1.0.dist-info/entry_points.txt",
    }


def test_unpacked_the_package_runs_from_its_byte_code(project: Path, tmp_path: Path) -> None:
    """The source's date in an image is no date of the byte code's; it must be used all the same."""
    with tarfile.open(made(project)) as tar:
        tar.extractall(tmp_path / "root", filter="data")
    root = tmp_path / "root" / "opt" / "stile" / "packages"
    (root / "small" / "__init__.py").write_text("raise SystemExit('read from source')\n")
    shown = "import small; print(small.holds('b'))"
    done = subprocess.run(
        [sys.executable, "-c", shown], env={"PYTHONPATH": str(root)}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"


def test_a_made_layer_is_taken_from_the_cache(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = locked(project)
    first = packages.layer(wanted, lambda message: None, Event())
    monkeypatch.setenv("STILE_UV", os.devnull)  # no program: it cannot be made again
    said: list[str] = []
    assert packages.layer(wanted, said.append, Event()) == first
    assert said == []


def test_a_layer_that_fails_to_be_made_leaves_nothing_that_looks_like_one(project: Path, tmp_path: Path) -> None:
    (project / "wheels" / "small-1.0-py3-none-any.whl").unlink()
    with pytest.raises(PluginError, match="small"):
        made(project)
    assert [path.suffix for path in (tmp_path / "cache" / "layers").iterdir()] == [".lock"]


def test_the_key_follows_the_lock_and_the_python(project: Path) -> None:
    wanted = locked(project)
    assert replace(wanted, project_root=Path("elsewhere")).key == wanted.key
    assert replace(wanted, python_version="3.99").key != wanted.key
    assert replace(wanted, requirements="small==2.0\n").key != wanted.key


def test_a_project_without_a_lock_is_refused(project: Path) -> None:
    (project / "uv.lock").unlink()
    with pytest.raises(PluginError, match="lockfile"):
        locked(project)
