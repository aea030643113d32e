"""Protects what is drawn of two samples: every value is counted once, on both sides in the same bins."""

import numpy as np
import pandas as pd

from ml_jobs.monitor.distributions import of_categories, of_numbers


def test_every_number_is_counted_once_whatever_lies_far_away() -> None:
    reference = pd.Series([*np.linspace(0, 1, 999), 1e9])
    found = of_numbers(reference, pd.Series([-5.0, 0.5, np.nan, np.inf, 7e9]))
    assert found is not None
    assert (sum(found["reference"]), sum(found["current"])) == (1000, 3)
    assert found["edges"][-1] < 2
    assert (found["current"][0], found["current"][-1]) == (1, 1)


def test_one_value_only_has_a_bin() -> None:
    found = of_numbers(pd.Series([3.0, 3.0]), pd.Series([3.0]))
    assert found is not None
    assert (found["reference"][0], found["current"][0]) == (2, 1)


def test_categories_beyond_the_most_frequent_are_one() -> None:
    reference = pd.Series([f"c{number:03}" for number in range(100)] + ["much"] * 50)
    found = of_categories(reference, pd.Series(["new"] * 9 + ["much"]))
    assert found is not None
    assert found["categories"][:2] == ["new", "much"]
    assert found["categories"][-1] == "91 others"
    assert (sum(found["reference"]), sum(found["current"])) == (150, 10)


def test_a_reference_without_values_is_not_drawn() -> None:
    assert of_numbers(pd.Series([np.nan]), pd.Series([1.0])) is None
    assert of_categories(pd.Series([], dtype=object), pd.Series(["a"])) is None
