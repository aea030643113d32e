"""A small project per test."""

from pathlib import Path

import pytest

from tests.engine.small_project import SmallProject, make


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    made = make(tmp_path / "project", tmp_path / "notes")
    monkeypatch.setenv("NOTES_DIR", str(made.notes))
    monkeypatch.setenv("NOTES_CONTROL", str(made.control))
    return made
