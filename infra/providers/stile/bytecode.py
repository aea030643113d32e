"""Run as a program by the image's Python: compiles a folder to byte code that is the same wherever it is made.

A container starts with nothing compiled, and compiling pandas and scikit-learn at each start costs seconds.
"""

import importlib.util
import marshal
import os
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

# flags word 0b01 of PEP 552: named by the source's hash, which is not checked at import (nothing in an image changes)
_UNCHECKED_HASH: Final = (1).to_bytes(4, "little")
# the last format without back references: those depend on what else the compiling process holds in memory
# (sets are sorted since Python 3.11, in any format)
_MARSHAL_FORMAT: Final = 2


def compile_file(source: Path, shown_path: str) -> bool:
    """Write the byte code beside a source file; False if it does not compile, as some template files do not."""
    content = source.read_bytes()
    try:
        code = compile(content, shown_path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    target = Path(importlib.util.cache_from_source(str(source)))
    target.parent.mkdir(exist_ok=True)
    head = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(content)
    target.write_bytes(head + marshal.dumps(code, _MARSHAL_FORMAT))
    return True


def sources(folder: Path) -> list[Path]:
    """Return the files worth compiling: not the packages' own tests."""
    return sorted(path for path in folder.rglob("*.py") if "tests" not in path.relative_to(folder).parts)


def main(folder: Path, shown_root: str) -> None:
    """Compile all files of a folder as if it stood at `shown_root`."""
    found = sources(folder)
    shown = [f"{shown_root}/{path.relative_to(folder).as_posix()}" for path in found]
    with ProcessPoolExecutor(os.cpu_count(), initializer=warnings.simplefilter, initargs=("ignore",)) as pool:
        done = sum(pool.map(compile_file, found, shown, chunksize=32))
    sys.stdout.write(f"{done}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
