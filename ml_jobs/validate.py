"""Validate: the feature table against its data contract; a breach ends the pipeline here."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pandera.errors import SchemaErrors

from ml_jobs import artifacts, command
from ml_jobs.errors import DataContractError, JobError
from ml_jobs.use_cases import UseCase

log = logging.getLogger("ml_jobs.validate")
EXAMPLES = 3


def breaches(use_case: UseCase, table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return every breach of the contract: column, check, number of rows, and some of the values."""
    try:
        use_case.contract().validate(table, lazy=True)
    except SchemaErrors as errors:
        return _by_check(errors.failure_cases, len(table))
    return []


def _by_check(cases: pd.DataFrame, rows: int) -> list[dict[str, Any]]:
    """Fold pandera's failure cases to one entry per column and check; one without an index means the whole column."""
    found: list[dict[str, Any]] = []
    keyed = cases.assign(column=cases["column"].astype(str), check=cases["check"].astype(str))
    for (column, check), group in keyed.groupby(["column", "check"], sort=True):
        named = str(check).startswith("column_in")  # a check of the whole table: the failure names the column
        whole = bool(group["index"].isna().all())
        entry = {
            "column": str(group["failure_case"].iloc[0]) if named else str(column),
            "check": str(check),
            "rows": rows if whole else int(group["index"].nunique()),
            "examples": [] if whole else [str(value) for value in group["failure_case"].unique()[:EXAMPLES]],
        }
        found.append(entry)
    return found


def validate(use_case: UseCase, features: Path, report: Path) -> int:
    """Check `features.parquet`, write `validation.json` into `report`; return the number of rows checked.

    Raises:
        DataContractError: the contract is broken; names each column, check and number of rows.
        JobError: there is no feature table.
    """
    path = features / artifacts.FEATURES
    if not path.is_file():
        raise JobError(f"{path} is missing; run ingest first")
    table = pd.read_parquet(path)
    log.info("checking %d rows and %d columns", *table.shape)
    found = breaches(use_case, table)
    artifacts.write_json(
        report / "validation.json",
        {
            "schema": "stile.validation/1",
            "use_case": use_case.name,
            "features_sha256": artifacts.file_sha256(path),
            "rows": len(table),
            "passed": not found,
            "failures": found,
        },
    )
    if found:
        raise DataContractError("the data breaks its contract: " + "; ".join(_told(breach) for breach in found))
    log.info("the contract holds")
    return len(table)


def _told(breach: dict[str, Any]) -> str:
    examples = f" (for example {', '.join(breach['examples'])})" if breach["examples"] else ""
    return f"column {breach['column']}: {breach['check']} fails in {breach['rows']} rows{examples}"


def arguments() -> argparse.ArgumentParser:
    """Return the job's parser."""
    return command.parser(
        "validate", __doc__ or "", features="directory that ingest wrote", report="directory to write"
    )


def main(argv: Sequence[str]) -> None:
    """Run the job with command line arguments."""
    given = arguments().parse_args(argv)
    validate(command.use_case_of(given), given.features, given.report)


if __name__ == "__main__":
    raise SystemExit(command.run(main))
