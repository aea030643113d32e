"""The model's file: skops in a canonical form whose bytes depend on the model alone; trusted types only."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from skops import io as skops_io

from ml_jobs import artifacts
from ml_jobs.errors import JobError, ModelDigestError

# What the candidates are made of beyond what skops trusts by itself. A file with any other type is refused.
TRUSTED = (
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)
_SCHEMA = "schema.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def save(model: Any, path: Path) -> str:
    """Write a fitted model in the canonical form; return the file's SHA-256.

    Raises:
        JobError: the model holds a type that is not in `TRUSTED`, so that nobody could load it.
    """
    content = canonical(skops_io.dumps(model))
    _refuse_untrusted(content, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return artifacts.file_sha256(path)


def load(path: Path, *, sha256: str | None = None) -> Any:
    """Return the model in a file, after its digest is checked where one is asked for.

    Raises:
        ModelDigestError: the file's SHA-256 is not `sha256`; nothing was loaded.
        JobError: there is no such file, it is no skops file, or it holds types that are not trusted.
    """
    if not path.is_file():
        raise JobError(f"{path} is missing")
    content = path.read_bytes()
    found = artifacts.file_sha256(path)
    if sha256 is not None and found != sha256:
        raise ModelDigestError(f"{path} has SHA-256 {found}, but {sha256} was released; it is not loaded")
    _refuse_untrusted(content, path)
    return skops_io.loads(content, trusted=list(TRUSTED))


def canonical(content: bytes) -> bytes:
    """Return a skops file's bytes with object ids and file names counted in order of appearance and zip dates fixed.

    skops names objects and files by Python's object ids and random names, and stamps the time of day, so that two
    dumps of one model differ; none of that is part of the model.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        schema = json.loads(archive.read(_SCHEMA))
        files = {name: archive.read(name) for name in archive.namelist() if name != _SCHEMA}
    ids: dict[int, int] = {}
    renamed: dict[str, str] = {}
    _renumber(schema, files, ids, renamed)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for old, new in renamed.items():
            archive.writestr(_entry(new), files[old])
        archive.writestr(_entry(_SCHEMA), json.dumps(schema, separators=(",", ":")))
    return target.getvalue()


def _renumber(node: Any, files: dict[str, bytes], ids: dict[int, int], renamed: dict[str, str]) -> None:
    """Walk the schema in its own order; number ids from 1 and files by first appearance, in place."""
    if isinstance(node, list):
        for child in node:
            _renumber(child, files, ids, renamed)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "__id__" and isinstance(value, int):
                node[key] = ids.setdefault(value, len(ids) + 1)
            elif key == "file" and isinstance(value, str) and value in files:
                node[key] = renamed.setdefault(value, f"{len(renamed) + 1:06d}{Path(value).suffix}")
            else:
                _renumber(value, files, ids, renamed)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=_EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # the same on every system
    entry.external_attr = 0o644 << 16
    return entry


def _refuse_untrusted(content: bytes, path: Path) -> None:
    try:
        unknown = set(skops_io.get_untrusted_types(data=content)) - set(TRUSTED)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise JobError(f"{path} is no skops file: {error}") from error
    if unknown:
        raise JobError(f"{path} holds types that are not trusted: {', '.join(sorted(unknown))}")
