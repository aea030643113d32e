"""The data contract of the feature table: what must hold before anything is trained on it."""

import pandas as pd
import pandera.pandas as pa

from ml_jobs.use_cases import PARTS
from ml_jobs.use_cases.flight_delays.columns import CATEGORIES, EVENT_ID, LABEL, MONTHS
from ml_jobs.use_cases.flight_delays.features import MAX_WIND_MPH

ORIGINS = ("EWR", "JFK", "LGA")
# (lowest, highest, share of rows that may be missing)
RANGES: dict[str, tuple[float, float, float]] = {
    "departure_minute": (0, 1439, 0.0),
    "arrival_minute": (0, 1439, 0.0),
    "day_of_week": (0, 6, 0.0),
    "distance": (50, 6000, 0.0),  # miles
    "hour_departures": (1, 200, 0.0),
    "seats": (1, 900, 0.30),  # a sixth of the aircraft is not in planes.csv
    "plane_age": (0, 80, 0.30),
    "temp": (-30, 130, 0.05),  # Fahrenheit
    "dewp": (-60, 90, 0.05),
    "humid": (0, 100, 0.05),  # percent
    "wind_dir": (0, 360, 0.10),
    "wind_speed": (0, MAX_WIND_MPH, 0.05),
    "precip": (0, 10, 0.05),  # inches in the hour
    "pressure": (900, 1100, 0.20),  # millibar
    "visib": (0, 20, 0.05),  # miles
}


def schema() -> pa.DataFrameSchema:
    """Return the contract; `strict`, so that a column that nobody described (a leak, say) breaks it."""
    text = {name: pa.Column(str, pa.Check.str_length(1, 8)) for name in CATEGORIES}
    return pa.DataFrameSchema(
        {
            EVENT_ID: pa.Column(str, pa.Check.str_matches(r"^\d{4}-\d\d-\d\d-\w\w-\d+-\w{3}-\d{4}$"), unique=True),
            "part": pa.Column(str, pa.Check.isin(PARTS)),
            "month": pa.Column("int64", pa.Check.in_range(1, 12)),
            LABEL: pa.Column("int64", pa.Check.isin([0, 1])),
            **text,
            "origin": pa.Column(str, pa.Check.isin(ORIGINS)),
            **{name: _number(*limits) for name, limits in RANGES.items()},
        },
        checks=[pa.Check(_part_follows_month, name="part_follows_month", error="part is not that of the month")],
        strict=True,
        name="flight_delays features",
    )


def _number(lowest: float, highest: float, missing: float) -> pa.Column:
    def few_missing(values: "pd.Series[float]") -> bool:
        return bool(values.isna().mean() <= missing)

    checks = [pa.Check.in_range(lowest, highest)]
    if missing:
        told = f"at most {missing:.0%} missing"
        checks.append(pa.Check(few_missing, name=told, error=told, ignore_na=False))
    return pa.Column("float64", checks, nullable=missing > 0)


def _part_follows_month(table: pd.DataFrame) -> "pd.Series[bool]":
    part_of_month = {month: part for part, months in MONTHS.items() for month in months}
    return table["month"].map(part_of_month) == table["part"]
