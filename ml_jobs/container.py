"""The entry of the job image: `train` or `serve`, handed to the adapter of the platform's container contract."""

import sys
from collections.abc import Callable, Sequence

from ml_jobs import command
from ml_jobs.contracts import sagemaker
from ml_jobs.errors import JobError

Entry = Callable[[Sequence[str]], None]
# One row per container contract; Vertex AI's (AIP_* variables) is the next.
CONTRACTS: dict[str, dict[str, Entry]] = {"sagemaker": {"train": sagemaker.train, "serve": sagemaker.serve}}


def main(argv: Sequence[str]) -> None:
    """Run what the platform asks for.

    Raises:
        JobError: it is no entry of the contract.
    """
    entries = CONTRACTS["sagemaker"]
    if not argv or argv[0] not in entries:
        raise JobError(f"the image runs {' or '.join(entries)}, not {' '.join(argv) or 'nothing'}")
    entries[argv[0]](argv[1:])


if __name__ == "__main__":
    sys.exit(command.run(main))
