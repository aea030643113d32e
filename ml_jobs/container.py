"""The entry of the job image: `train`, `serve` or `run`, handed to the adapter of the platform's container contract."""

import sys
from collections.abc import Sequence

from ml_jobs import command
from ml_jobs.contracts import sagemaker, vertex, vertex_job
from ml_jobs.contracts.candidate import Entry
from ml_jobs.errors import JobError

CONTRACTS: dict[str, dict[str, Entry]] = {
    "sagemaker": {"train": sagemaker.train, "serve": sagemaker.serve},
    "vertex": {"train": vertex.train, "run": vertex.run, "serve": vertex.serve},
}


def main(argv: Sequence[str]) -> None:
    """Run what the platform asks for.

    Raises:
        JobError: it is no entry of the contract.
    """
    entries = CONTRACTS["vertex" if vertex_job.is_here() else "sagemaker"]
    if not argv or argv[0] not in entries:
        raise JobError(f"the image runs {' or '.join(entries)}, not {' '.join(argv) or 'nothing'}")
    entries[argv[0]](argv[1:])


if __name__ == "__main__":
    sys.exit(command.run(main))
