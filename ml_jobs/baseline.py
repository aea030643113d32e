"""The baseline that drift is measured against: the rows themselves, and what Model Monitor's files say of them.

Source of the formats: Amazon SageMaker AI developer guide, "Schema for Statistics (statistics.json file)" and "Schema
for Constraints (constraints.json file)". The KLL sketch's raw data is left out: the rows are there.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml_jobs import artifacts
from ml_jobs.use_cases import UseCase

BUCKETS = 10


def write(folder: Path, case: UseCase, rows: pd.DataFrame, predicted: pd.DataFrame) -> None:
    """Write the baseline of a model into a folder.

    Args:
        folder: the model's folder `baseline`.
        case: the use case.
        rows: the rows of training and test, with `part`, label and features.
        predicted: the model's `probability` of each of them, in the same order.
    """
    trained = rows[rows["part"] == "train"]
    described = statistics(trained, case.categories, case.numbers)
    artifacts.write_json(folder / artifacts.STATISTICS, described)
    artifacts.write_json(folder / artifacts.CONSTRAINTS, constraints(described))
    kept = rows[[case.event_id, "part", case.label, *case.features]].reset_index(drop=True)
    kept = kept.assign(probability=predicted["probability"].to_numpy())
    kept.to_parquet(folder / artifacts.REFERENCE, index=False, compression="zstd")


def constraints(described: dict[str, Any]) -> dict[str, Any]:
    """Return what a table's statistics suggest that later tables keep."""
    return {"version": 0, "features": [_constraint(feature) for feature in described["features"]]}


def _constraint(feature: dict[str, Any]) -> dict[str, Any]:
    found = feature.get("string_statistics") or feature["numerical_statistics"]
    count = found["common"]["num_present"] + found["common"]["num_missing"]
    completeness = found["common"]["num_present"] / count if count else 0.0
    made = {"name": feature["name"], "inferred_type": feature["inferred_type"], "completeness": completeness}
    if "string_statistics" in feature:
        buckets = found["distribution"]["categorical"]["buckets"]
        return {**made, "string_constraints": {"domains": [bucket["value"] for bucket in buckets]}}
    return {**made, "num_constraints": {"is_non_negative": found.get("min", -1.0) >= 0}}


def statistics(table: pd.DataFrame, categories: tuple[str, ...], numbers: tuple[str, ...]) -> dict[str, Any]:
    """Return the statistics of a table's features."""
    features = [_text(table[name]) for name in categories] + [_number(table[name]) for name in numbers]
    return {"version": 0, "dataset": {"item_count": len(table)}, "features": features}


def _common(values: "pd.Series[Any]") -> dict[str, int]:
    return {"num_present": int(values.notna().sum()), "num_missing": int(values.isna().sum())}


def _text(values: "pd.Series[Any]") -> dict[str, Any]:
    counts = values.value_counts().sort_index()
    buckets = [{"value": str(value), "count": int(count)} for value, count in counts.items()]
    return {
        "name": str(values.name),
        "inferred_type": "String",
        "string_statistics": {
            "common": _common(values),
            "distinct_count": len(counts),
            "distribution": {"categorical": {"buckets": buckets}},
        },
    }


def _number(values: "pd.Series[Any]") -> dict[str, Any]:
    present = values.dropna().to_numpy(dtype=np.float64)
    common = _common(values)
    if len(present) == 0:
        return {"name": str(values.name), "inferred_type": "Fractional", "numerical_statistics": {"common": common}}
    counts, edges = np.histogram(present, bins=BUCKETS)
    buckets = [
        {"lower_bound": float(edges[place]), "upper_bound": float(edges[place + 1]), "count": float(count)}
        for place, count in enumerate(counts)
    ]
    return {
        "name": str(values.name),
        "inferred_type": "Integral" if bool((present == np.floor(present)).all()) else "Fractional",
        "numerical_statistics": {
            "common": common,
            "mean": float(present.mean()),
            "sum": float(present.sum()),
            "std_dev": float(present.std()),
            "min": float(present.min()),
            "max": float(present.max()),
            "distribution": {"kll": {"buckets": buckets}},
        },
    }
