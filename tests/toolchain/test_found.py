"""Which programs are taken: the toolchain's own first, then PATH's if they are new enough and whole."""

import tempfile
from pathlib import Path

import pytest

from infra import toolchain
from infra.errors import ToolchainError
from infra.toolchain.found import own_bin, probe_version
from tests.toolchain.conftest import program, pulumi


def test_nothing_is_found_where_nothing_is(cache: Path, path: Path) -> None:
    found = toolchain.find()
    assert found.toolchain() is None
    assert not cache.exists()


def test_the_own_one_comes_before_that_on_path(cache: Path, path: Path) -> None:
    """What was installed for this version of Stile is known to work with it."""
    own = pulumi(own_bin())
    pulumi(path, "v3.300.0")
    program(path / "crane", "v0.20.3")
    found = toolchain.find().toolchain()
    assert found is not None
    assert (found.pulumi, found.pulumi_version, found.bin) == (own, "3.259.0", own_bin())
    assert (found.crane, found.crane_version) == (path / "crane", "0.20.3")


def test_one_on_path_is_taken_if_its_language_host_lies_beside_it(cache: Path, path: Path, tmp_path: Path) -> None:
    """Beside the program itself: a link on PATH is followed, as the CLI does it."""
    real = pulumi(tmp_path / "elsewhere", "v3.300.1")
    (path / "pulumi").symlink_to(real)
    found = toolchain.find()
    assert found.pulumi is not None
    assert (found.pulumi.path, found.pulumi.version) == (real, "3.300.1")


@pytest.mark.parametrize(
    ("version", "host", "reason"),
    [
        ("v3.100.0", True, "is 3.100.0; 3.230.0 or newer is needed"),
        ("v3.300.0", False, "has no pulumi-language-python beside it"),
        ("hello", True, "names no version: 'hello'"),
    ],
)
def test_one_that_does_not_serve_is_rejected_with_the_reason(
    cache: Path, path: Path, version: str, host: bool, reason: str
) -> None:
    pulumi(path, version, host=host)
    found = toolchain.find()
    assert found.pulumi is None
    assert [reason in why for why in found.rejected] == [True]


def test_one_that_does_not_start_is_rejected(cache: Path, path: Path) -> None:
    pulumi(path).write_text("#!/no/such/interpreter\n")
    assert "does not run" in toolchain.find().rejected[0]


def test_asking_the_real_cli_for_its_version_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the user's PULUMI_HOME: the CLI writes a log of each call there, even of `version`."""
    found = toolchain.find().pulumi
    if found is None:
        pytest.skip("the toolchain is not installed: run ./stile first")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert probe_version(found.path) >= (3, 230, 0)
    assert list(tmp_path.iterdir()) == []


def test_without_uv_the_error_says_what_brings_it(cache: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(path))
    with pytest.raises(ToolchainError) as raised:
        toolchain.find_uv()
    assert raised.value.fix == "run ./stile once: it brings uv"
