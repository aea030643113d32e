"""Time series of Cloud Monitoring: points are kept, selected by filter, aligned in windows and reduced over series."""

import math
import re
import statistics
import threading
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from infra.localcloud.gcp.errors import Json, Refusal, invalid
from infra.localcloud.gcp.filters import matches, value_at

MOST_POINTS = 50_000
# Source: https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies#Aggregation
LEAST_PERIOD_SECONDS, MOST_PERIOD_SECONDS = 60, 104 * 7 * 86400
# Aligners and reducers by what they make of the values. Source:
# https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies#Aligner
_MAKE: Mapping[str, Callable[[Sequence[float]], float]] = {
    "MEAN": statistics.fmean,
    "SUM": math.fsum,
    "MIN": min,
    "MAX": max,
    "COUNT": len,
    "STDDEV": statistics.pstdev,
    "NEXT_OLDER": lambda values: values[-1],
    "DELTA": math.fsum,
    "PERCENTILE_99": lambda values: _percentile(values, 0.99),
    "PERCENTILE_95": lambda values: _percentile(values, 0.95),
    "PERCENTILE_50": lambda values: _percentile(values, 0.50),
    "PERCENTILE_05": lambda values: _percentile(values, 0.05),
}


@dataclass(frozen=True)
class Point:
    """A value at a time."""

    end: datetime
    value: float


@dataclass
class OneSeries:
    """The points of one metric of one resource.

    Attributes:
        metric, resource: `{type, labels}`.
        kind: GAUGE, DELTA or CUMULATIVE.
        value_type: INT64, DOUBLE, BOOL or DISTRIBUTION; of a distribution each point is one sample.
        points: by their time.
    """

    metric: Json
    resource: Json
    kind: str
    value_type: str
    points: list[Point] = field(default_factory=list)

    @property
    def selectable(self) -> Json:
        """What filters see; they may say `label` for `labels`."""
        return {
            part: {"type": body.get("type", ""), "labels": body.get("labels", {}), "label": body.get("labels", {})}
            for part, body in (("metric", self.metric), ("resource", self.resource))
        }


@dataclass(frozen=True)
class Aggregation:
    """How series are aligned and reduced; the attributes are those of the API's message."""

    period_seconds: float = 0.0
    aligner: str = "ALIGN_NONE"
    reducer: str = "REDUCE_NONE"
    group_by: tuple[str, ...] = ()


class AllSeries:
    """All time series of a cloud. Safe for threads."""

    def __init__(self) -> None:
        self._kept: dict[str, OneSeries] = {}
        self._lock = threading.Lock()

    def add(
        self, metric: Json, resource: Json, point: Point, *, kind: str = "GAUGE", value_type: str = "DOUBLE"
    ) -> None:
        """Keep a point that a client writes.

        Raises:
            Refusal: INVALID_ARGUMENT, if the series has a newer point or is of another kind.
        """
        with self._lock:
            series = self._of(metric, resource, kind, value_type)
            if series.points and point.end < series.points[-1].end:
                raise invalid("Points must be written in order.", field="timeSeries.points.interval.endTime")
            _put(series, point)

    def count(self, metric: Json, resource: Json, point: Point) -> None:
        """Count events: a point of a DELTA metric of whole numbers. These may come in any order."""
        with self._lock:
            _put(self._of(metric, resource, "DELTA", "INT64"), point)

    def sample(self, metric: Json, resource: Json, point: Point) -> None:
        """Keep a sample of a distribution, such as one request's latency. Samples may come in any order."""
        with self._lock:
            _put(self._of(metric, resource, "DELTA", "DISTRIBUTION"), point)

    def _of(self, metric: Json, resource: Json, kind: str, value_type: str) -> OneSeries:
        key = repr((_sorted(metric), _sorted(resource)))
        series = self._kept.setdefault(key, OneSeries(metric, resource, kind, value_type))
        if (series.kind, series.value_type) != (kind, value_type):
            raise invalid(f"{metric['type']} is a {series.kind} of {series.value_type}.", field="timeSeries")
        return series

    def select(self, text: str, begin: datetime, end: datetime) -> list[OneSeries]:
        """Return the series that fit a filter and have points after `begin` until `end`, with these points.

        Raises:
            Refusal: INVALID_ARGUMENT without a metric type in the filter.
        """
        if not re.search(r"\bmetric\.type\s*=", text):
            raise invalid("The filter must specify metric.type.", field="filter")
        fits = matches(text)
        with self._lock:
            chosen = [one for one in self._kept.values() if fits(one.selectable)]
            found = [replace(one, points=_between(one.points, begin, end)) for one in chosen]
        return [one for one in found if one.points]


def _put(series: OneSeries, point: Point) -> None:
    insort(series.points, point, key=attrgetter("end"))
    del series.points[:-MOST_POINTS]


def _between(points: list[Point], begin: datetime, end: datetime) -> list[Point]:
    """Return the points after `begin` until `end`; those of one moment, where both are the same."""
    first = bisect_left if begin == end else bisect_right
    return points[first(points, begin, key=attrgetter("end")) : bisect_right(points, end, key=attrgetter("end"))]


def aggregated(series: list[OneSeries], how: Aggregation, end: datetime) -> list[OneSeries]:
    """Return the series aligned in windows that end at `end`, and reduced over those of one group.

    Raises:
        Refusal: INVALID_ARGUMENT for an aligner that does not fit, UNIMPLEMENTED for one that is not known here.
    """
    if how.aligner == "ALIGN_NONE":
        if how.reducer != "REDUCE_NONE":
            raise invalid("A reducer needs an aligner.", field="aggregation.perSeriesAligner")
        return series
    if not LEAST_PERIOD_SECONDS <= how.period_seconds <= MOST_PERIOD_SECONDS:
        text = f"The alignment period must be from {LEAST_PERIOD_SECONDS} to {MOST_PERIOD_SECONDS} seconds."
        raise invalid(text, field="aggregation.alignmentPeriod")
    aligned = [_aligned(one, how, end) for one in series]
    aligned = [one for one in aligned if one.points]
    return aligned if how.reducer == "REDUCE_NONE" else list(_reduced(aligned, how))


def _aligned(one: OneSeries, how: Aggregation, end: datetime) -> OneSeries:
    name = how.aligner.removeprefix("ALIGN_")
    if name in ("RATE", "DELTA") and one.kind == "GAUGE":
        raise invalid(f"{how.aligner} does not fit a GAUGE metric.", field="aggregation.perSeriesAligner")
    if one.value_type == "DISTRIBUTION" and not name.startswith("PERCENTILE_"):
        raise Refusal("UNIMPLEMENTED", f"The local cloud aligns distributions to percentiles, not by {how.aligner}.")
    windows: dict[int, list[float]] = defaultdict(list)
    for point in one.points:
        windows[math.floor((end - point.end).total_seconds() / how.period_seconds)].append(point.value)
    points = [
        Point(end - timedelta(seconds=number * how.period_seconds), _value(one, name, values, how))
        for number, values in sorted(windows.items())
    ]
    is_whole = name == "COUNT" or (name in ("SUM", "MIN", "MAX", "DELTA", "NEXT_OLDER") and one.value_type == "INT64")
    kind = "DELTA" if name == "DELTA" else "GAUGE"
    return OneSeries(one.metric, one.resource, kind, "INT64" if is_whole else "DOUBLE", points[::-1])


def _value(one: OneSeries, name: str, values: Sequence[float], how: Aggregation) -> float:
    if name in ("RATE", "DELTA") and one.kind == "CUMULATIVE":
        values = [values[-1] - values[0]]
    if name == "RATE":
        return math.fsum(values) / how.period_seconds
    return _made(name, values, how.aligner)


def _made(name: str, values: Sequence[float], asked: str) -> float:
    if name not in _MAKE:
        raise Refusal("UNIMPLEMENTED", f"The local cloud does not implement {asked}.")
    return float(_MAKE[name](values))


def _reduced(series: list[OneSeries], how: Aggregation) -> Iterator[OneSeries]:
    groups: dict[tuple[Any, ...], list[OneSeries]] = defaultdict(list)
    for one in series:
        groups[tuple(value_at(one.selectable, name) for name in how.group_by)].append(one)
    name = how.reducer.removeprefix("REDUCE_")
    for members in groups.values():
        values: dict[datetime, list[float]] = defaultdict(list)
        for point in (point for one in members for point in one.points):
            values[point.end].append(point.value)
        points = [Point(end, _made(name, found, how.reducer)) for end, found in sorted(values.items())]
        first = members[0]
        value_type = "INT64" if name == "COUNT" or (name != "MEAN" and first.value_type == "INT64") else "DOUBLE"
        yield OneSeries(_common(first.metric, how), _common(first.resource, how), first.kind, value_type, points)


def _common(part: Json, how: Aggregation) -> Json:
    """Return a metric or resource with those labels only that all series of its group share."""
    kept = {name.rpartition(".")[2] for name in how.group_by}
    labels = {name: value for name, value in part.get("labels", {}).items() if name in kept}
    return {
        **{name: value for name, value in part.items() if name != "labels"},
        **({"labels": labels} if labels else {}),
    }


def _percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share lies, between neighbours in proportion."""
    found = sorted(values)
    position = share * (len(found) - 1)
    below = math.floor(position)
    above = min(below + 1, len(found) - 1)
    return found[below] + (found[above] - found[below]) * (position - below)


def _sorted(part: Json) -> list[Any]:
    return [part.get("type"), sorted(part.get("labels", {}).items())]
