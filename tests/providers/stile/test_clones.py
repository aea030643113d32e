"""Two clones of this repository in two folders, each with its own cache, make one and the same job image."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.providers.stile import programs
from tests.providers.stile.test_image import MINOR

ROOT = Path(__file__).resolve().parents[3]
# runs in the clone: its own code makes its own layers
PUSH = """
import sys
from pathlib import Path
from threading import Event
from infra.providers.stile import assembly, layers, packages
from infra.providers.stile.registry import Repository

root = Path.cwd()
assert Path(assembly.__file__).is_relative_to(root)
locked = packages.locked(root, sys.argv[2], "linux/amd64", Event())
recipe = assembly.Recipe(None, locked, layers.code_tar(root))
target = Repository(sys.argv[1], sys.argv[3], lambda images: None)
print(assembly.push(recipe, target, lambda message: None, Event()))
"""


@pytest.mark.slow
def test_two_clones_make_the_same_image(tmp_path: Path, registry: str) -> None:
    digests = []
    for name in ("one", "two/deeper"):
        clone = tmp_path / name / "clone"
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True)
        environment = {
            **os.environ,
            "STILE_CACHE_DIR": str(tmp_path / name / "cache"),
            "STILE_CRANE": str(programs.crane()),
            "STILE_UV": str(programs.uv()),
        }
        command = [sys.executable, "-c", PUSH, registry, MINOR, name]
        done = subprocess.run(command, cwd=clone, env=environment, check=True, stdout=subprocess.PIPE, text=True)
        shutil.rmtree(tmp_path / name / "cache")  # hundreds of megabytes, which pytest would keep
        digests.append(done.stdout.strip())
    assert digests[0].startswith("sha256:")
    assert digests[0] == digests[1]
