"""Both samples of a column side by side, as a page draws them: counts in shared bins, or of categories."""

from typing import Any

import numpy as np
import pandas as pd

BINS = 24
CATEGORIES = 11
EDGE = 0.005
"""The share of the reference that lies beyond the bins, below and above: a few far values would squeeze all others."""


def of_numbers(reference: "pd.Series[Any]", current: "pd.Series[Any]") -> dict[str, Any] | None:
    """Return counts of both samples in bins of equal width; the first and last hold all that lies beyond them too.

    None where the reference has no value.
    """
    values = [side.to_numpy(dtype=np.float64) for side in (reference, current)]
    there, here = (side[np.isfinite(side)] for side in values)
    if not len(there):
        return None
    low, high = np.quantile(there, [EDGE, 1 - EDGE])
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    counts = [np.histogram(np.clip(side, edges[0], edges[-1]), bins=edges)[0].tolist() for side in (there, here)]
    return {"edges": edges.tolist(), "reference": counts[0], "current": counts[1]}


def of_categories(reference: "pd.Series[Any]", current: "pd.Series[Any]") -> dict[str, Any] | None:
    """Return counts of the most frequent categories of both samples together, and of all others as one.

    None where the reference has no value.
    """
    there, here = (side.value_counts() for side in (reference, current))
    if there.empty:
        return None
    shares = (there / there.sum()).add(here / max(here.sum(), 1), fill_value=0)
    most = sorted(shares.index, key=lambda name: (-shares[name], str(name)))[:CATEGORIES]
    counts = [[int(side.get(name, 0)) for name in most] for side in (there, here)]
    rest = [int(side.sum()) - sum(kept) for side, kept in zip((there, here), counts, strict=True)]
    names = [str(name) for name in most]
    if any(rest):
        names.append(f"{len(shares) - len(most)} others")
        counts = [[*kept, left] for kept, left in zip(counts, rest, strict=True)]
    return {"categories": names, "reference": counts[0], "current": counts[1]}
