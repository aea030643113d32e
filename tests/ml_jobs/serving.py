"""A small model of made-up flights, and the real serving process around it."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd

from ml_jobs import matrix, model_file
from ml_jobs.use_cases import UseCase

ROOT = Path(__file__).parents[2]
LIMIT_SECONDS = 120.0
# How the variables begin by which jobs know where they are.
PLATFORMS = ("STILE_", "AWS_", "SAGEMAKER_", "AIP_", "CLOUD_ML_", "CLOUDSDK_", "GCE_", "GOOGLE_", "STORAGE_")
_MONTHS = {"train": 3, "test": 7, "heldout": 9, "later": 11}


def made_up_flights(use_case: UseCase, rows: int, seed: int) -> pd.DataFrame:
    """Return a feature table: a tenth of the weather is missing; late are mostly those at a late hour."""
    random = np.random.default_rng(seed)
    parts = random.choice(list(_MONTHS), rows, p=[0.6, 0.2, 0.1, 0.1])
    table = pd.DataFrame({"event_id": [f"flight-{number}" for number in range(rows)], "part": parts})
    table["month"] = table["part"].map(_MONTHS)
    for name in use_case.categories:
        table[name] = random.choice(["AA", "B6", "UA"], rows)
    for name in use_case.numbers:
        table[name] = random.uniform(0, 100, rows)
    table.loc[random.random(rows) < 0.1, "temp"] = np.nan
    table["late"] = (table["departure_minute"] + random.normal(0, 20, rows) > 70).astype("int64")
    return table


def fitted(use_case: UseCase, candidate: str, table: pd.DataFrame) -> Any:
    """Return a candidate fitted on a table."""
    return use_case.estimator(candidate, 7).fit(matrix.from_table(table, use_case), table["late"].to_numpy())


def save_model(use_case: UseCase, candidate: str, folder: Path) -> str:
    """Write the model.skops of a small model into a folder; return its digest."""
    return model_file.save(fitted(use_case, candidate, made_up_flights(use_case, 2000, 1)), folder / "model.skops")


def instances(table: pd.DataFrame, use_case: UseCase) -> list[dict[str, Any]]:
    """Return a table's rows as a request holds them: what is missing is None."""
    rows = table[[use_case.event_id, *use_case.features]].to_dict("records")
    return [{str(name): None if value != value else value for name, value in row.items()} for row in rows]  # noqa: PLR0124 - NaN


def environment(**given: str) -> dict[str, str]:
    """Return this environment without the settings of jobs and clouds, and with the given ones."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PLATFORMS)}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **given}


class Server:
    """A running server: its process, its output and a client of it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.lines: list[str] = []
        self._serving = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if " serving on " in line:
                self._serving.set()
        self._serving.set()

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def url(self) -> str:
        """Wait until it serves or ends; return where it serves."""
        assert self._serving.wait(LIMIT_SECONDS), self.output
        found = re.search(r"serving on (http://\S+)", self.output)
        assert found, self.output
        return found.group(1)

    def ended(self) -> int:
        """Wait for its end and the whole of its output; return the exit code."""
        code = self.process.wait(LIMIT_SECONDS)
        self._reader.join(LIMIT_SECONDS)
        return code


@contextmanager
def started(module: str, arguments: Sequence[str], variables: Mapping[str, str], folder: Path) -> Iterator[Server]:
    """Start a module of ml_jobs as a process in a folder; it is gone at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"ml_jobs.{module}", *arguments],
        cwd=folder,
        env=dict(variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        server = Server(process)
        try:
            yield server
        finally:
            if process.poll() is None:
                process.kill()
            server.ended()


def client(server: Server) -> httpx.Client:
    """Return a client that goes to the server straight, whatever proxy the machine names."""
    return httpx.Client(base_url=server.url(), timeout=LIMIT_SECONDS, trust_env=False)
