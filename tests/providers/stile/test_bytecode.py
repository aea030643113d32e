"""Byte code for images: the same from any folder and any process, and the packages' own tests left alone."""

import os
import subprocess
import sys
from pathlib import Path

from infra.providers.stile import bytecode

SOURCE = "NAMES = {'x', 'y', 'z'}\n\n\ndef among(name):\n    return name in {'x', 'y', 'z', 'w'}\n"


def compiled(folder: Path, seed: str) -> dict[str, bytes]:
    for name in ("one.py", "tests/two.py", "broken.py"):
        path = folder / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("def (:\n" if name == "broken.py" else SOURCE)
    command = [sys.executable, "-P", bytecode.__file__, str(folder), "/opt/packages"]
    subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.pyc")}


def test_two_folders_give_the_same_byte_code_of_what_compiles(tmp_path: Path) -> None:
    """With another seed of hashes too, which the order of sets follows in memory."""
    first = compiled(tmp_path / "a", "0")
    assert first == compiled(tmp_path / "b" / "deeper", "7")
    assert list(first) == [f"package/__pycache__/one.{sys.implementation.cache_tag}.pyc"]
