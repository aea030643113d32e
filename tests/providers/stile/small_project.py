"""A project with one locked package and a registry to push to, both small enough for every test."""

import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.providers.stile import programs

_PROJECT = """
[project]
name = "small-project"
version = "0"
requires-python = ">=3.11"

[project.optional-dependencies]
jobs = ["small"]

[tool.uv]
package = false
no-index = true
find-links = ["wheels"]
"""
_WHEEL = {
    "small/__init__.py": "VALUE = frozenset('abc')\n\n\ndef holds(x):\n    return x in {'a', 'b', 'c'}\n",
    "small/data.txt": "kept\n",
    "small-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: small\nVersion: 1.0\n",
    "small-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "small-1.0.dist-info/entry_points.txt": "[console_scripts]\nsmall = small:holds\n",
}


def write_project(root: Path) -> Path:
    """Write a project with one locked package, from a folder of wheels, and a little `ml_jobs`."""
    (root / "ml_jobs").mkdir(parents=True)
    (root / "ml_jobs" / "__init__.py").write_text('"""Jobs."""\n')
    (root / "ml_jobs" / "container.py").write_text("import small\nprint(small.holds('a'))\n")
    (root / "wheels").mkdir()
    record = "".join(f"{name},,\n" for name in [*_WHEEL, "small-1.0.dist-info/RECORD"])
    with zipfile.ZipFile(root / "wheels" / "small-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in {**_WHEEL, "small-1.0.dist-info/RECORD": record}.items():
            wheel.writestr(name, text)
    (root / "pyproject.toml").write_text(_PROJECT)
    subprocess.run([programs.uv(), "lock", "--offline", "--quiet"], cwd=root, check=True)
    return root


@contextmanager
def serve_registry(blobs: Path) -> Iterator[str]:
    """Serve a registry on loopback and give its URL."""
    command: list[str | Path] = [programs.crane(), "registry", "serve", "--address", "127.0.0.1:0", "--disk", blobs]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "serving on port" in line)
        yield f"http://127.0.0.1:{line.rsplit(' ', 1)[1].strip()}"
        process.kill()
