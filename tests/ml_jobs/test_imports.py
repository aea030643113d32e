"""What jobs import: those that compute nothing start without the libraries that others compute with."""

import subprocess
import sys

import pytest

# Each takes a second or more to import, in a job that reads a few small files.
HEAVY = ("matplotlib", "mlflow", "pandas", "pyarrow", "scipy", "skops", "sklearn")


@pytest.mark.parametrize("job", ["govern", "register"])
def test_a_job_that_only_decides_or_registers_imports_nothing_heavy(job: str) -> None:
    """Each step of a pipeline is a process of its own, so that what it imports is waited for at each run."""
    script = (
        f"import sys, ml_jobs.{job}; from ml_jobs.use_cases import load; load('flight_delays'); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert f"ml_jobs.{job}" in loaded
    assert set(HEAVY) & set(loaded) == set()
