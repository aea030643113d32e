"""Installing a plugin runs the CLI once, and says what the CLI said when it fails."""

import sys
from pathlib import Path

import pytest

from infra.errors import ToolchainError
from infra.providers.install import install_plugin, install_stand_in


def fake_pulumi(folder: Path, body: str) -> Path:
    file = folder / "pulumi"
    file.write_text(f"#!{sys.executable}\nimport os, pathlib, shutil, sys\n{body}\n")
    file.chmod(0o755)
    return file


COPY = """
_, _, _, kind, name, version, _, _, source = sys.argv
home = pathlib.Path(os.environ["PULUMI_HOME"])
shutil.copytree(source, home / "plugins" / f"{kind}-{name}-v{version}", dirs_exist_ok=True)
with (home / "runs").open("a") as runs:
    runs.write(name)
"""


def test_it_installs_once_and_again_when_the_command_changes(tmp_path: Path) -> None:
    pulumi, home = fake_pulumi(tmp_path, COPY), tmp_path / "home"
    folder = install_plugin(pulumi, home, "notes", "1.0.0", ["python", "a b"])
    assert (folder / "pulumi-resource-notes").read_text() == "#!/bin/sh\nexec python 'a b' \"$@\"\n"
    install_plugin(pulumi, home, "notes", "1.0.0", ["python", "a b"])
    assert (home / "runs").read_text() == "notes"
    install_plugin(pulumi, home, "notes", "1.0.0", ["python", "other"])
    assert (home / "runs").read_text() == "notesnotes"


def test_the_stand_in_takes_the_version_of_the_sdk(tmp_path: Path) -> None:
    """The engine asks for the very version that the program's SDK names."""
    folder = install_stand_in(fake_pulumi(tmp_path, COPY), tmp_path / "home")
    assert folder.name == "resource-aws-v7.51.1"


def test_a_failing_cli_is_quoted(tmp_path: Path) -> None:
    pulumi = fake_pulumi(tmp_path, "sys.exit('no room')")
    with pytest.raises(ToolchainError, match="no room"):
        install_plugin(pulumi, tmp_path / "home", "notes", "1.0.0", ["python"])
