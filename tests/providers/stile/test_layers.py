"""A layer's bytes follow from paths and contents alone: two clones make one image, and a preview tells the truth."""

import io
import os
import random
import tarfile
from pathlib import Path, PurePosixPath

import pytest

from infra.providers.stile import layers


def write_jobs(root: Path) -> Path:
    folder = root / "ml_jobs" / "use_cases"
    folder.mkdir(parents=True)
    (root / "ml_jobs" / "__init__.py").write_text('"""Jobs."""\n')
    (folder / "govern.yaml").write_text("rules: []\n")
    return root


def test_two_folders_with_other_dates_modes_and_caches_give_the_same_code_layer(tmp_path: Path) -> None:
    first, second = write_jobs(tmp_path / "a"), write_jobs(tmp_path / "b" / "elsewhere")
    for path in (second / "ml_jobs").rglob("*"):
        os.utime(path, (1, 1))
    (second / "ml_jobs" / "__init__.py").chmod(0o600)
    cache = second / "ml_jobs" / "__pycache__"
    cache.mkdir()
    (cache / "stale.py").write_text("")
    (second / "ml_jobs" / "notes.txt").write_text("no kind of file that a job reads")
    (second / "ml_jobs" / ".hidden.py").write_text("")
    assert layers.code_tar(first) == layers.code_tar(second)


def test_one_changed_line_changes_the_code_layer(tmp_path: Path) -> None:
    root = write_jobs(tmp_path)
    before = layers.sha256(layers.code_tar(root))
    (root / "ml_jobs" / "use_cases" / "govern.yaml").write_text("rules: [auc]\n")
    assert layers.sha256(layers.code_tar(root)) != before


def test_the_code_stands_where_the_image_looks_for_it(tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(layers.code_tar(write_jobs(tmp_path)))) as tar:
        members = {member.name: (member.mode, member.mtime, member.uid) for member in tar.getmembers()}
    assert members["opt/stile/code/ml_jobs/__init__.py"] == (0o644, 0, 0)
    assert members["opt/stile/code"] == (0o755, 0, 0)
    assert "opt/stile/code/ml_jobs/use_cases/govern.yaml" in members


def test_a_folder_without_jobs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no package ml_jobs"):
        layers.code_tar(tmp_path)


def test_a_packed_layer_does_not_depend_on_threads_and_is_ordinary_gzip(tmp_path: Path) -> None:
    """Several blocks, so that they could come out of order."""
    content = random.Random(7).randbytes(20_000_000)
    source = tmp_path / "big"
    source.write_bytes(content)
    entries = [layers.Entry(PurePosixPath("opt/big"), source)]
    one, three = tmp_path / "one.tar.gz", tmp_path / "three.tar.gz"
    layers.write_packed(entries, one, threads=1)
    layers.write_packed(entries, three, threads=3)
    assert one.read_bytes() == three.read_bytes()
    with tarfile.open(one, "r:gz") as tar:
        unpacked = tar.extractfile("opt/big")
        assert unpacked is not None
        assert unpacked.read() == content


def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/hostname")
    with pytest.raises(ValueError, match="is a link"):
        list(layers.files_below(tmp_path))
