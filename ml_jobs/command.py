"""The command line that all jobs share: arguments, progress lines, and how a job ends."""

import argparse
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType

from ml_jobs.contracts import sagemaker_job
from ml_jobs.errors import JobError
from ml_jobs.settings import container_path, read_settings
from ml_jobs.use_cases import UseCase, load

log = logging.getLogger("ml_jobs")


def parser(module: str, description: str, **directories: str) -> argparse.ArgumentParser:
    """Return a job's parser: `--use-case`, and one required directory for each keyword (name=help)."""
    made = argparse.ArgumentParser(prog=f"python -m ml_jobs.{module}", description=description, allow_abbrev=False)
    made.add_argument("--use-case", metavar="NAME", help="package of ml_jobs.use_cases (default: STILE_USE_CASE)")
    for name, text in directories.items():
        made.add_argument(f"--{name}", metavar="DIR", type=container_path, required=True, help=text)
    return made


def use_case_of(arguments: argparse.Namespace) -> UseCase:
    """Return the use case that the command line or STILE_USE_CASE names.

    Raises:
        JobError: neither names one, or it does not exist.
    """
    name = arguments.use_case or read_settings().use_case
    if name is None:
        raise JobError("no use case: give --use-case NAME or set STILE_USE_CASE")
    return load(name)


def run(job: Callable[[Sequence[str]], None], argv: Sequence[str] | None = None) -> int:
    """Run a job's `main`; return its exit code.

    What a person can mend (JobError) is one line on stderr, code 1. Anything else is a fault of ours: its traceback
    is shown, and it is reported to the container contract too.
    """
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    for chatty in ("mlflow", "alembic", "httpx", "botocore", "matplotlib"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, _stop)
    try:
        job(list(sys.argv[1:] if argv is None else argv))
    except JobError as error:
        sys.stdout.flush()
        sys.stderr.write(f"error: {error}\n")
        sagemaker_job.report_failure(str(error))
        return 1
    except Exception as error:
        sagemaker_job.report_failure(f"{type(error).__name__}: {error}")
        raise
    return 0


def _stop(signum: int, _frame: FrameType | None) -> None:
    """End on SIGTERM, as the clouds stop a job; as process 1 of a container a job would not end by itself."""
    raise SystemExit(128 + signum)
