"""How far two samples of one column are apart, by distances and tests with standard names.

Sources: scipy.stats.wasserstein_distance, ks_2samp and chi2_contingency; scipy.spatial.distance.jensenshannon.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.spatial.distance import jensenshannon

from ml_jobs.matrix import Vector

Counts = npt.NDArray[np.int64]
# A constant has no spread to measure by. Source: Evidently's normed Wasserstein distance.
SMALLEST_SPREAD = 0.001


@dataclass(frozen=True)
class Measured:
    """How far a sample is from its reference.

    Attributes:
        statistic, distance: the distance, by name; 0 says alike. Wasserstein's is in standard deviations of the
            reference, Jensen-Shannon's (natural logarithm) is at most 0.8326.
        bound: the distance of the values themselves is at most this far from `distance`; 0 on the exact path.
        test, p_value: the test that both are of one population, by name; on the binned path the p-value is never below
            that of the values themselves.
    """

    statistic: str
    distance: float
    bound: float
    test: str
    p_value: float


def numbers(reference: Vector, current: Vector) -> Measured:
    """Compare the values of a number; both samples are without missing ones, and not empty."""
    spread = max(float(np.std(reference)), SMALLEST_SPREAD)
    distance = float(stats.wasserstein_distance(reference, current)) / spread
    # Of one value on each side scipy's approximation says nothing: it divides by zero.
    alone = len(reference) == len(current) == 1
    p_value = 1.0 if alone else float(stats.ks_2samp(reference, current, method="asymp").pvalue)
    return measured_numbers(distance, 0.0, p_value)


def measured_numbers(distance: float, bound: float, p_value: float) -> Measured:
    """Return what was measured of a number, on either path."""
    return Measured("wasserstein_normed", distance, bound, "kolmogorov_smirnov", p_value)


def categories(reference: Mapping[str, int], current: Mapping[str, int]) -> Measured:
    """Compare how often each category occurs; the counts are exact on both paths, so there is no bound."""
    names = sorted(reference.keys() | current.keys())
    counts = np.array([[side.get(name, 0) for name in names] for side in (reference, current)], dtype=np.int64)
    counts = counts[:, counts.sum(axis=0) > 0]
    distance = float(jensenshannon(counts[0], counts[1]))
    # The logarithms of equal shares may differ by a rounding, of which the square root is NaN.
    distance = 0.0 if np.isnan(distance) else distance
    alone = counts.shape[1] < 2
    p_value = 1.0 if alone else float(stats.chi2_contingency(counts, correction=False).pvalue)
    return Measured("jensen_shannon", distance, 0.0, "chi_square", p_value)


def kolmogorov_p_value(distance: float, n_reference: int, n_current: int) -> float:
    """Return the p-value of a distance of Kolmogorov and Smirnov, as scipy's asymptotic method does."""
    effective = n_reference * n_current / (n_reference + n_current)
    return 1.0 if effective < 0.6 else float(np.clip(stats.kstwo.sf(distance, np.round(effective)), 0.0, 1.0))
