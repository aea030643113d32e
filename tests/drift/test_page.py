"""The page of `stile drift --html`: the answer first, every finding and n in it, one file, in a real browser too."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from infra.drift import models
from infra.drift.ask import fixes
from infra.drift.infrastructure import judged
from infra.drift.models import Said
from infra.drift.page import DRAWN, page
from infra.drift.report import Report
from infra.engine.comparison import Comparison, Difference, Property
from ml_jobs.monitor.distributions import of_categories, of_numbers
from tests.pages.browser import Scheme, browser, measured

URN = "urn:pulumi:local-aws::stile::aws:s3/bucket:Bucket::stile-local-aws-data-with-a-long-name"
INTERVAL = {"value": 0.7, "low": 0.68, "high": 0.72}
SEED = np.random.default_rng(7)


def column(number: int) -> dict[str, Any]:
    """A column as the monitor writes it; every second one is a category."""
    if number % 2:
        sides = [pd.Series(SEED.choice(["EWR", "JFK", "<LGA>"], size)) for size in (900, 700)]
        drawn = of_categories(*sides)
    else:
        sides = [pd.Series(SEED.normal(shift, 1, size)) for shift, size in ((0, 900), (number, 700))]
        drawn = of_numbers(*sides)
    return {
        "name": f"column_{number}",
        "status": "drift" if number > 5 else "ok",
        "reason": f"moved by {number}",
        "n_reference": 900,
        "n_current": 700,
        "missing_reference": 0.0,
        "missing_current": 0.01,
        "statistic": "wasserstein_normed",
        "distance": float(number),
        "test": "kolmogorov_smirnov",
        "p_value": 0.0,
        "distribution": drawn,
    }


def said() -> dict[str, Any]:
    window = {"from": "2026-01-01T00:00:00+00:00", "until": "2026-01-15T00:00:00+00:00"}
    windows = [{"from": f"2026-01-{day:02}T00:00:00+00:00", "n": 350, "auc": INTERVAL} for day in (1, 8)]
    quality = {
        "status": "drift",
        "reason": "AUC fell",
        "coverage": {"events": 700, "labelled": 650, "share": 650 / 700},
        "baseline": {"auc": {"value": 0.8, "low": 0.79, "high": 0.81}, "n": 900},
        "windows": windows,
        "slices": [
            {"slice": "EWR", "status": "drift", "n": 300, "n_reference": 400, "auc": INTERVAL, "reference": INTERVAL},
            {"slice": "JFK", "status": "unknown", "n": 3, "n_reference": 0, "auc": None, "reference": None},
        ],
    }
    return {
        "schema": "stile.monitor/1",
        "window": window,
        "model_version": "3",
        "captured": {"lines": 35, "used": 700, "broken_lines": 0},
        "data": {"status": "drift", "columns": [column(number) for number in range(12)], "schema": []},
        "quality": quality,
    }


@pytest.fixture(scope="module")
def report() -> Report:
    changed = Difference(URN, "changed", "b", (Property("tags.by", None, "<b>hand</b>"),))
    infra, content = judged(Comparison([changed], 48)), said()
    known = {"flights": Said(content)}
    data, quality = models.part("data", known), models.part("quality", known)
    told = fixes("local-aws", infra, data, quality)
    return Report(
        "local-aws", "aws", datetime(2026, 1, 15, 6, tzinfo=UTC), infra, data, quality, {"flights": content}, told
    )


def test_the_answer_stands_first_and_every_finding_in_it(report: Report) -> None:
    text = page([report])
    assert text.index("Something has drifted") < text.index("What can be done") < text.index("Infrastructure")
    for finding in (*report.infra.findings, *report.data.findings):
        assert finding.about.rpartition(":")[2].strip() in text
    assert "700" in text
    assert "&lt;b&gt;hand&lt;/b&gt;" in text
    assert "<b>hand" not in text


def test_what_moved_most_is_drawn_and_all_columns_are_in_the_table(report: Report) -> None:
    text = page([report])
    assert len(re.findall(r'<svg class="plot"', text)) == DRAWN + 1
    assert "shares of column_10" in text
    assert "shares of column_0 " not in text
    assert all(f">column_{number}<" in text for number in range(12))


def test_the_same_report_is_the_same_page(report: Report) -> None:
    assert page([report]) == page([report])


def test_several_environments_stand_on_one_page_and_no_id_is_there_twice(report: Report) -> None:
    text = page([report, Report(**{**vars(report), "environment": "local-gcp", "cloud": "gcp"})])
    assert "Is local-aws and local-gcp all right?" in text
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_an_environment_without_a_model_has_a_page(report: Report) -> None:
    empty: Mapping[str, Any] = {**vars(report), "models": {}, "infra": judged(Comparison([], 48)), "fixes": ()}
    assert "0 of 48 resources are not as the state says" in page([Report(**empty)])


@pytest.mark.slow
@pytest.mark.skipif(browser() is None, reason="this machine has no Chromium: how a page is laid out is not seen")
@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark"), (320, "light")]
)
def test_nothing_is_beyond_its_edges(report: Report, tmp_path: Path, width: int, scheme: Scheme) -> None:
    """No sideways scrolling, and nothing is loaded."""
    found = measured(page([report]), tmp_path, width, scheme)
    assert (found["inner"], found["beyond"], found["loaded"]) == (width, [], [])
    assert found["scroll"] <= width
