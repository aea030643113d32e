"""Protects the model's file: bytes that depend on the model alone, and nothing loaded that is not trusted."""

import datetime
import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from skops import io as skops_io
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

from ml_jobs import matrix, model_file
from ml_jobs.artifacts import file_sha256
from ml_jobs.errors import JobError, ModelDigestError
from ml_jobs.use_cases import UseCase

CANDIDATES = ("logistic", "hgb", "forest")


def fitted(use_case: UseCase, table: pd.DataFrame, candidate: str) -> tuple[object, matrix.Matrix]:
    rows = table[table["part"] == "train"].head(2000)
    data = matrix.from_table(rows, use_case)
    with threadpool_limits(limits=1):
        return use_case.estimator(candidate, 7).fit(data, rows["late"].to_numpy()), data


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_dumps_and_refits_give_equal_bytes(
    candidate: str, use_case: UseCase, table: pd.DataFrame, tmp_path: Path
) -> None:
    """The registry's SHA-256 must name the model, not the moment of its dump."""
    model, _ = fitted(use_case, table, candidate)
    again, _ = fitted(use_case, table, candidate)
    digests = {
        model_file.save(model, tmp_path / "first.skops"),
        model_file.save(model, tmp_path / "second.skops"),
        model_file.save(again, tmp_path / "refit.skops"),
    }
    assert len(digests) == 1
    assert digests == {file_sha256(tmp_path / "first.skops")}


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_a_loaded_model_predicts_the_same(
    candidate: str, use_case: UseCase, table: pd.DataFrame, tmp_path: Path
) -> None:
    model, data = fitted(use_case, table, candidate)
    digest = model_file.save(model, tmp_path / "model.skops")
    loaded = model_file.load(tmp_path / "model.skops", sha256=digest)
    np.testing.assert_array_equal(matrix.probabilities(loaded, data), matrix.probabilities(model, data))


def test_another_model_has_another_digest(use_case: UseCase, table: pd.DataFrame, tmp_path: Path) -> None:
    model, _ = fitted(use_case, table, "hgb")
    other, _ = fitted(use_case, table.assign(late=1 - table["late"]), "hgb")
    assert model_file.save(model, tmp_path / "a") != model_file.save(other, tmp_path / "b")


def test_the_canonical_form_of_a_canonical_file_is_itself(models: Path) -> None:
    content = (models / "hgb" / "model.skops").read_bytes()
    assert model_file.canonical(content) == content


def test_a_changed_file_is_not_loaded(models: Path, tmp_path: Path) -> None:
    content = bytearray((models / "hgb" / "model.skops").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "model.skops").write_bytes(content)
    with pytest.raises(ModelDigestError, match="it is not loaded"):
        model_file.load(tmp_path / "model.skops", sha256=file_sha256(models / "hgb" / "model.skops"))


def test_a_type_that_is_not_trusted_is_refused(tmp_path: Path) -> None:
    """Both when it is written and when somebody else's file is read."""
    path = tmp_path / "model.skops"
    with pytest.raises(JobError, match=r"not trusted: datetime\.timedelta, datetime\.timezone"):
        model_file.save({"model": datetime.UTC}, path)
    assert not path.exists()
    path.write_bytes(skops_io.dumps({"model": datetime.UTC}))
    with pytest.raises(JobError, match=r"not trusted: datetime\.timedelta, datetime\.timezone"):
        model_file.load(path)


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_skops_file_is_told(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    path.write_bytes(content)
    with pytest.raises(JobError, match="is no skops file"):
        model_file.load(path)


def test_names_and_dates_in_the_file_say_nothing(models: Path) -> None:
    content = (models / "logistic" / "model.skops").read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [entry.filename for entry in archive.infolist() if entry.filename != "schema.json"]
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert names == [f"{number:06d}.npy" for number in range(1, len(names) + 1)]
