"""Protects the distances: known values by hand, and the binned path within its stated bound of the exact one."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ml_jobs.matrix import Vector
from ml_jobs.monitor import binned, measures
from ml_jobs.monitor.binned import Histogram

# Whole numbers and eighths make ties and edges, tails and constants.
SAMPLES = arrays(np.float64, st.integers(1, 300), elements=st.integers(-400, 400).map(lambda eighths: eighths / 8))


def histograms(reference: Vector, current: Vector, pieces: int = 1) -> tuple[Histogram, Histogram]:
    low, high = float(reference.min()), float(reference.max())
    made = Histogram(low, high), Histogram(low, high)
    for histogram, values in zip(made, (reference, current), strict=True):
        for piece in np.array_split(values, pieces):
            histogram.add(piece)
    return made


def test_a_shift_of_one_is_two_standard_deviations_of_half() -> None:
    found = measures.numbers(np.array([0.0, 1.0] * 500), np.array([1.0, 2.0] * 500))
    assert found.distance == pytest.approx(2.0, abs=1e-12)
    assert found.p_value < 1e-50
    assert (found.statistic, found.test, found.bound) == ("wasserstein_normed", "kolmogorov_smirnov", 0.0)


def test_categories_with_nothing_in_common_are_as_far_apart_as_can_be() -> None:
    found = measures.categories({"a": 10, "b": 30}, {"c": 40})
    assert found.distance == pytest.approx(math.sqrt(math.log(2)), abs=1e-12)
    assert found.p_value < 1e-10


def test_the_distance_of_categories_is_that_of_its_definition() -> None:
    """Half the divergences of Kullback and Leibler from the middle, and the root of it."""
    one, other = np.array([0.2, 0.5, 0.3]), np.array([0.4, 0.5, 0.1])
    middle = (one + other) / 2
    expected = math.sqrt((np.sum(one * np.log(one / middle)) + np.sum(other * np.log(other / middle))) / 2)
    found = measures.categories({"a": 200, "b": 500, "c": 300}, {"a": 400, "b": 500, "c": 100})
    assert found.distance == pytest.approx(expected, abs=1e-12)


def test_equal_samples_are_at_no_distance() -> None:
    values = np.arange(1001.0)
    assert measures.numbers(values, values).distance == 0.0
    assert measures.categories({"a": 3, "b": 7}, {"a": 3, "b": 7}).distance == 0.0
    assert measures.categories({"a": 3}, {"a": 900}).p_value == 1.0
    assert binned.numbers(*histograms(values, values)).distance == 0.0


def test_a_hundred_thousand_categories_are_compared() -> None:
    counts = {f"c{number}": 1 + number % 3 for number in range(100_000)}
    assert measures.categories(counts, counts).distance == pytest.approx(0.0, abs=1e-7)


@given(reference=SAMPLES, current=SAMPLES, pieces=st.integers(1, 4))
def test_binned_is_within_its_bound(reference: Vector, current: Vector, pieces: int) -> None:
    exact = measures.numbers(reference, current)
    found = binned.numbers(*histograms(reference, current, pieces))
    assert abs(found.distance - exact.distance) <= found.bound + 1e-9 * max(1.0, exact.distance)
    # Edges see no more of a difference than all values do.
    assert found.p_value >= exact.p_value - 1e-9


def test_the_bound_is_far_below_what_is_judged() -> None:
    random = np.random.default_rng(7)
    reference, current = random.normal(size=100_000), random.normal(0.3, 1.1, size=80_000)
    exact, found = measures.numbers(reference, current), binned.numbers(*histograms(reference, current, 9))
    assert found.bound < 0.01
    assert abs(found.distance - exact.distance) < 0.0003
