"""Images as crane makes them: the same digest in any registry, with the settings jobs rely on, nothing done twice."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest

from infra.providers.stile import layers, layout, packages, programs
from infra.providers.stile.assembly import Recipe, push, resolve_base
from infra.providers.stile.registry import Repository
from tests.providers.stile.small_project import serve_registry

pytestmark = pytest.mark.usefixtures("fresh_cache")
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"


def repository(endpoint: str, name: str = "jobs") -> Repository:
    return Repository(endpoint, name, lambda images: None)


def recipe(project: Path, base: str | None = None) -> Recipe:
    locked = packages.locked(project, MINOR, "linux/amd64", Event())
    return Recipe(base, locked, layers.code_tar(project))


def pushed(project: Path, target: Repository, base: str | None = None) -> str:
    return push(recipe(project, base), target, lambda message: None, Event())


def crane(*arguments: str) -> str:
    return subprocess.run([programs.crane(), *arguments], check=True, capture_output=True, text=True).stdout


def test_two_registries_get_the_same_digest(project: Path, registry: str, tmp_path: Path) -> None:
    first = pushed(project, repository(registry))
    (tmp_path / "others").mkdir()
    with serve_registry(tmp_path / "others") as other:
        assert pushed(project, repository(other, "team/other")) == first


def test_the_image_of_the_packages_is_worked_out_once(
    project: Path, registry: str, fresh_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each local cloud begins with an empty registry; to append the layer again takes longer than to push it."""
    first = pushed(project, repository(registry))
    assert len(list((fresh_cache / "layers").glob("*.image"))) == 1
    appends_not = tmp_path / "crane"
    appends_not.write_text(f'#!/bin/sh\n[ "$1" != append ] && exec {programs.crane()} "$@"\n')
    appends_not.chmod(0o755)
    monkeypatch.setenv("STILE_CRANE", str(appends_not))
    (tmp_path / "others").mkdir()
    with serve_registry(tmp_path / "others") as other:
        assert pushed(project, repository(other)) == first
    layer = next((fresh_cache / "layers").glob("*.tar.gz"))
    os.utime(layer, (1, 1))  # as if it was made anew
    (tmp_path / "third").mkdir()
    with serve_registry(tmp_path / "third") as third, pytest.raises(programs.ProgramError):
        pushed(project, repository(third))


def test_only_the_very_image_of_the_registry_is_kept(project: Path, registry: str, fresh_cache: Path) -> None:
    """What is pushed later is what crane made, to the byte."""
    target = repository(registry)
    pushed(project, target)
    (kept,) = (fresh_cache / "layers").glob("*.image")
    shutil.rmtree(kept)
    layer = next((fresh_cache / "layers").glob("*.tar.gz"))
    tag = recipe(project).packages_tag
    manifest, config = (crane(what, target.reference(tag)) for what in ("manifest", "config"))
    digest = str(target.digest(tag))
    assert not layout.keep(layer, digest, manifest, config + "\n")
    assert not layout.keep(layer, digest, manifest + "\n", config)
    assert not kept.exists()
    assert layout.keep(layer, digest, manifest, config)
    assert kept.is_dir()


def test_the_image_carries_what_jobs_rely_on(project: Path, registry: str) -> None:
    target = repository(registry)
    reference = target.reference(pushed(project, target))
    config = json.loads(crane("config", reference))
    assert (config["os"], config["architecture"]) == ("linux", "amd64")
    assert config["config"]["Entrypoint"] == ["python", "-m", "ml_jobs.container"]
    assert config["config"]["Env"] == ["PYTHONPATH=/opt/stile/code:/opt/stile/packages"]
    assert config["config"]["Labels"]["stile-code"] == layers.sha256(layers.code_tar(project))
    assert config["rootfs"]["diff_ids"][1] == layers.sha256(layers.code_tar(project))


def test_what_the_registry_has_is_neither_made_nor_pushed_again(
    project: Path, registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, target = recipe(project), repository(registry)
    first = push(wanted, target, lambda message: None, Event())
    monkeypatch.setenv("STILE_CRANE", os.devnull)
    assert push(wanted, target, lambda message: None, Event()) == first


def test_changed_code_needs_no_packages_layer_at_hand(
    project: Path, registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = repository(registry)
    first = pushed(project, target)
    (project / "ml_jobs" / "container.py").write_text("print('changed')\n")
    monkeypatch.setenv("STILE_CACHE_DIR", str(tmp_path / "empty"))
    second = pushed(project, target)
    assert not (tmp_path / "empty").exists()
    before, after = (json.loads(crane("manifest", target.reference(digest)))["layers"] for digest in (first, second))
    assert before[0] == after[0]
    assert before[1] != after[1]


def test_a_base_is_below_the_layers_and_named_by_its_digest(project: Path, registry: str, tmp_path: Path) -> None:
    target, base = repository(registry), f"{registry.removeprefix('http://')}/bases"
    layer = tmp_path / "base.tar"
    layer.write_bytes(layers.code_tar(project))
    crane("append", "-f", str(layer), "-t", f"{base}:latest")
    crane("mutate", f"{base}:latest", "-t", f"{base}:latest", "-e", "PATH=/bin", "--set-platform", "linux/amd64")
    resolved = resolve_base(f"{base}:latest", "linux/amd64", Event())
    assert resolved.startswith(f"{base}@sha256:")
    assert resolve_base(resolved, "linux/amd64", Event()) == resolved
    reference = target.reference(pushed(project, target, resolved))
    config = json.loads(crane("config", reference))
    assert len(config["rootfs"]["diff_ids"]) == 3
    assert "PATH=/bin" in config["config"]["Env"]
