"""Rows to ask an endpoint about: events of the held-out months, which no training has seen."""

import io
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from infra.clouds import Cloud
from ml_jobs import use_cases

FEATURES_KEY = "runs/{execution}/ingest/features/features.parquet"


def held_out_rows(cloud: Cloud, bucket: str, execution: str, use_case: str, count: int) -> list[dict[str, Any]]:
    """Read the first rows of the held-out part of a run's feature table.

    Args:
        execution: the run whose ingest step wrote the table.
        count: how many rows at the most.

    Returns:
        One mapping per row: event id and features, as the endpoint takes them; what is missing is None.

    Raises:
        CloudError: the run has no such table.
    """
    described = use_cases.load(use_case)
    body = cloud.read_object(bucket, FEATURES_KEY.format(execution=execution))
    table = pq.read_table(io.BytesIO(body), filters=pc.field("part") == "heldout")
    rows: list[dict[str, Any]] = table.select([described.event_id, *described.features]).slice(0, count).to_pylist()
    return rows
