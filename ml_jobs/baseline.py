"""The baseline that drift is measured against, in the format of SageMaker Model Monitor's statistics.json.

Source of the format: Amazon SageMaker AI developer guide, "Schema for Statistics (statistics.json file)". The KLL
sketch's raw data is left out: the buckets hold what a comparison needs.
"""

from typing import Any

import numpy as np
import pandas as pd

BUCKETS = 10


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
