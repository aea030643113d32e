"""The demo's data and one model fitted on it, by the jobs themselves, for benchmarks that need a model."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra import demo_data
from infra.environments import ROOT

USE_CASE = "flight_delays"
CANDIDATE = "hgb"


@dataclass(frozen=True)
class Fitted:
    """Folders: the raw CSV files, the features that ingest made of them, and the model."""

    raw: Path
    features: Path
    model: Path


def job(name: str, folder: Path, *options: str | Path) -> None:
    """Run a job by hand, in a folder where MLflow keeps its runs. Raises RuntimeError with the end of what it said."""
    command = [sys.executable, "-m", f"ml_jobs.{name}", "--use-case", USE_CASE, *map(str, options)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=env, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr[-2000:]}")


def raw_folder(folder: Path) -> Path:
    """Lay out the demo's raw files in a folder."""
    for file in demo_data.raw_files(USE_CASE, folder).values():
        if not (folder / file.name).exists():
            (folder / file.name).symlink_to(file)
    return folder


@contextmanager
def fitted() -> Iterator[Fitted]:
    """Fit the model in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = Fitted(folder / "raw", folder / "features", folder / "model")
        made.raw.mkdir()
        raw_folder(made.raw)
        job("ingest", folder, "--raw", made.raw, "--features", made.features)
        job("train", folder, "--features", made.features, "--model", made.model, "--candidate", CANDIDATE)
        yield made
