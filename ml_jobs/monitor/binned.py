"""Numbers of any count in a fixed amount of memory: a histogram over the reference's range, and what lies beyond it."""

from dataclasses import dataclass, field

import numpy as np

from ml_jobs.matrix import Vector
from ml_jobs.monitor import measures
from ml_jobs.monitor.measures import Counts, Measured

BINS = 1024


@dataclass
class Histogram:
    """The finite values of a number, binned as they come.

    Attributes:
        low, high: the reference's least and greatest value; BINS bins of one width lie between.
        counts: values per bin.
        below, above: how many values lie beyond the range, and by how much together.
    """

    low: float
    high: float
    counts: Counts = field(default_factory=lambda: np.zeros(BINS, dtype=np.int64))
    below: tuple[int, float] = (0, 0.0)
    above: tuple[int, float] = (0, 0.0)
    _sum: float = 0.0
    _squares: float = 0.0

    @property
    def width(self) -> float:
        """Return the width of a bin; 0 where the reference is one value."""
        return (self.high - self.low) / BINS

    @property
    def n(self) -> int:
        """Return how many values came."""
        return int(self.counts.sum()) + self.below[0] + self.above[0]

    @property
    def spread(self) -> float:
        """Return the standard deviation of all values that came."""
        mean = self._sum / self.n
        return float(np.sqrt(max(self._squares / self.n - mean * mean, 0.0)))

    def add(self, values: Vector) -> None:
        """Take more values; all must be finite."""
        below, above = self.low - values[values < self.low], values[values > self.high] - self.high
        self.below = (self.below[0] + len(below), self.below[1] + float(below.sum()))
        self.above = (self.above[0] + len(above), self.above[1] + float(above.sum()))
        inside = values if not len(below) + len(above) else values[(values >= self.low) & (values <= self.high)]
        scale = BINS / (self.high - self.low) if self.high > self.low else 0.0
        places = np.minimum(((inside - self.low) * scale).astype(np.int64), BINS - 1)
        self.counts += np.bincount(places, minlength=BINS)
        # Deviations from the range's start: sums of squares of large numbers would lose their digits.
        moved = values - self.low
        self._sum += float(moved.sum())
        self._squares += float(np.dot(moved, moved))

    def cumulative(self) -> Vector:
        """Return the share of values up to the end of each bin; what lies below the range is in all of them."""
        shares: Vector = (np.cumsum(self.counts) + self.below[0]) / self.n
        return shares


def numbers(reference: Histogram, current: Histogram) -> Measured:
    """Compare two histograms over one range, which all values of the reference lie in; neither is empty.

    Each value inside is taken for the middle of its bin, so it moves by half a width at most; what lies beyond the
    range is taken as it is. Two samples make the bound: one width, in standard deviations of the reference.
    """
    width, spread = reference.width, max(reference.spread, measures.SMALLEST_SPREAD)
    gaps = np.abs(reference.cumulative() - current.cumulative())
    beyond = (current.below[1] + current.above[1]) / current.n
    # From an end of the range to the middle of the bin beside it.
    ends = (current.below[0] + current.above[0]) / current.n * width / 2
    distance = (float(gaps[:-1].sum()) * width + ends + beyond) / spread
    greatest = max(float(gaps.max()), current.below[0] / current.n)
    p_value = measures.kolmogorov_p_value(greatest, reference.n, current.n)
    return measures.measured_numbers(distance, width / spread, p_value)
