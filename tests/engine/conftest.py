"""A small project per test; a running local AWS cloud for those that look at what resources hold."""

from pathlib import Path

import pytest

from tests.engine.small_project import SmallProject, make
from tests.localcloud.cloud import crane, local_aws

__all__ = ["crane", "local_aws", "project"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    made = make(tmp_path / "project", tmp_path / "notes")
    monkeypatch.setenv("NOTES_DIR", str(made.notes))
    monkeypatch.setenv("NOTES_CONTROL", str(made.control))
    return made
