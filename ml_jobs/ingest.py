"""Ingest: raw CSV files to one feature table, with the lineage of what went in."""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ml_jobs import artifacts, command
from ml_jobs.errors import JobError
from ml_jobs.use_cases import UseCase

log = logging.getLogger("ml_jobs.ingest")


@dataclass(frozen=True)
class Ingested:
    """Where the feature table lies, its SHA-256, and its row counts."""

    path: Path
    sha256: str
    counts: dict[str, int]


def ingest(use_case: UseCase, raw: Path, features: Path) -> Ingested:
    """Write `features.parquet` and `lineage.json` into `features`; equal inputs give equal bytes.

    Raises:
        JobError: raw files are missing or cannot be read.
    """
    missing = [name for name in use_case.raw_files if not (raw / name).is_file()]
    if missing:
        raise JobError(f"{raw} lacks {', '.join(missing)}; {use_case.name} needs {', '.join(use_case.raw_files)}")
    inputs = {name: artifacts.file_sha256(raw / name) for name in use_case.raw_files}
    log.info("reading %s", ", ".join(use_case.raw_files))
    built = use_case.build(raw)
    features.mkdir(parents=True, exist_ok=True)
    path = features / artifacts.FEATURES
    built.frame.to_parquet(path, index=False, compression="zstd")
    parts = {str(part): int(count) for part, count in built.frame["part"].value_counts().sort_index().items()}
    result = Ingested(path, artifacts.file_sha256(path), built.counts)
    artifacts.write_json(
        features / artifacts.LINEAGE,
        {
            "schema": "stile.ingest/1",
            "use_case": use_case.name,
            "inputs": {name: {"sha256": digest} for name, digest in inputs.items()},
            "features": {"sha256": result.sha256, "rows": len(built.frame), "columns": list(built.frame.columns)},
            "counts": built.counts,
            "parts": parts,
            "notes": list(built.notes),
            "code_sha256": artifacts.code_sha256(),
        },
    )
    log.info("wrote %s: %d rows (%s), sha256 %s", path, len(built.frame), parts, result.sha256[:12])
    return result


def read_features(features: Path, use_case: UseCase) -> pd.DataFrame:
    """Return the feature table that ingest wrote.

    Raises:
        JobError: it is missing or lacks a column that the jobs need.
    """
    path = features / artifacts.FEATURES
    if not path.is_file():
        raise JobError(f"{path} is missing; run ingest first")
    table = pd.read_parquet(path)
    needed = [use_case.event_id, "part", use_case.label, *use_case.features]
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise JobError(f"{path} lacks the columns {', '.join(missing)}; run ingest again")
    return table


def arguments() -> argparse.ArgumentParser:
    """Return the job's parser."""
    return command.parser("ingest", __doc__ or "", raw="directory of the raw CSV files", features="directory to write")


def main(argv: Sequence[str]) -> None:
    """Run the job with command line arguments."""
    given = arguments().parse_args(argv)
    ingest(command.use_case_of(given), given.raw, given.features)


if __name__ == "__main__":
    raise SystemExit(command.run(main))
