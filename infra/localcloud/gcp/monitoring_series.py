"""Cloud Monitoring's time series and alerts: what is written is listed, and alert policies are judged by it."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from infra.localcloud.gcp import moments
from infra.localcloud.gcp.call import Call, Cloud
from infra.localcloud.gcp.errors import Json, Refusal, invalid, not_found
from infra.localcloud.gcp.monitoring import POLICIES
from infra.localcloud.gcp.paging import page
from infra.localcloud.gcp.series import Aggregation, AllSeries, OneSeries, Point, aggregated
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.store import Record

SERVICE = Service("monitoring.v3")
ALERTS = "monitoring.projects.alerts"
# What clients may write. Source: https://cloud.google.com/monitoring/custom-metrics/creating-metrics
OWN = ("custom.googleapis.com/", "workload.googleapis.com/", "external.googleapis.com/", "prometheus.googleapis.com/")
VALUES = {"doubleValue": "DOUBLE", "int64Value": "INT64", "boolValue": "BOOL"}
COMPARISONS = {"COMPARISON_GT": 1.0, "COMPARISON_LT": -1.0}


@dataclass
class Opened:
    """The alerts that were opened, by condition and series."""

    open: dict[str, str] = field(default_factory=dict)


@SERVICE.method("monitoring.projects.timeSeries.create", "monitoring.projects.timeSeries.createService")
def create(call: Call) -> Json:
    """Keep points of series; services may write Google's own metrics, clients their own only."""
    is_service = call.method.verb_name == "createService"
    for position, series in enumerate(call.body.get("timeSeries", [])):
        at = f"timeSeries[{position}]"
        metric = series.get("metric", {})
        if not is_service and not metric.get("type", "").startswith(OWN):
            raise invalid(f"The metric type must begin with one of {', '.join(OWN)}.", field=f"{at}.metric.type")
        if len(series.get("points", [])) != 1:
            raise invalid("One point must be given for each time series.", field=f"{at}.points")
        (point,) = series["points"]
        name, value = next(iter(point.get("value", {}).items()), ("", None))
        if name not in VALUES or value is None:
            raise Refusal("UNIMPLEMENTED", f"The local cloud keeps {', '.join(VALUES)}, not {name or 'nothing'}.")
        if "endTime" not in point.get("interval", {}):
            raise invalid(
                "The end time of the point's interval must be given.", field=f"{at}.points[0].interval.endTime"
            )
        call.cloud.part(AllSeries).add(
            metric,
            series.get("resource", {"type": "global", "labels": {"project_id": call.project}}),
            Point(moments.moment(point["interval"]["endTime"]), float(value)),
            kind=series.get("metricKind", "GAUGE"),
            value_type=VALUES[name],
        )
    return {}


@SERVICE.method("monitoring.projects.timeSeries.list")
def list_(call: Call) -> Json:
    """The series that fit a filter, their newest points first."""
    if "interval.endTime" not in call.query:
        raise invalid("The interval's end must be given.", field="interval.endTime")
    end = moments.moment(str(call.query["interval.endTime"]))
    begin = moments.moment(str(call.query.get("interval.startTime", call.query["interval.endTime"])))
    if begin > end:
        raise invalid("The interval ends before it begins.", field="interval.startTime")
    found = call.cloud.part(AllSeries).select(call.query.get("filter", ""), begin, end)
    for prefix in ("aggregation", "secondaryAggregation"):
        found = aggregated(found, _aggregation_of_query(call.query, prefix), begin, end)
    records = [Record(str(number), _shown(one, call.query), number=number) for number, one in enumerate(found)]
    chosen, token = page(records, {**call.query, "filter": "", "orderBy": ""})
    answer: Json = {"timeSeries": [record.body for record in chosen]} if chosen else {}
    return {**answer, "nextPageToken": token} if token else answer


@SERVICE.method(f"{ALERTS}.list")
def list_alerts(call: Call) -> Json:
    """A page of the alerts that were opened; policies are judged anew first."""
    judge(call.cloud)
    chosen, token = page(call.cloud.store.all(ALERTS, f"{call.name}/alerts/"), call.query)
    answer: Json = {"alerts": [record.body for record in chosen]} if chosen else {}
    return {**answer, "nextPageToken": token} if token else answer


@SERVICE.method(f"{ALERTS}.get")
def get_alert(call: Call) -> Json:
    """One alert; policies are judged anew first."""
    judge(call.cloud)
    found = call.cloud.store.find(ALERTS, call.name)
    if found is None:
        raise not_found(call.name)
    return found.body


def judge(cloud: Cloud) -> None:
    """Open and close alerts, as the points of now say."""
    now = datetime.now(UTC)
    opened = cloud.part(Opened).open
    with cloud.store.locked():
        violated: dict[str, tuple[Record, OneSeries]] = {}
        for policy in cloud.store.all(POLICIES):
            if policy.body.get("enabled"):
                violated |= {key: (policy, one) for key, one in _violations(cloud, policy.body, now)}
        for key in set(violated) - set(opened):
            opened[key] = _open(cloud, *violated[key], now)
        for key in set(opened) - set(violated):
            _close(cloud, opened.pop(key), now)


def _violations(cloud: Cloud, policy: Json, now: datetime) -> Iterator[tuple[str, OneSeries]]:
    """Yield the series that violate a policy's thresholds. Other kinds of conditions are not judged."""
    for condition in policy["conditions"]:
        if (threshold := condition.get("conditionThreshold")) is None:
            continue
        hows = [_aggregation(one) for one in threshold.get("aggregations", [])]
        period = max([how.period_seconds for how in hows], default=60.0)
        begin = now - timedelta(seconds=moments.seconds(threshold.get("duration", "0s")) + period)
        found = cloud.part(AllSeries).select(threshold["filter"], begin, now)
        for how in hows:
            found = aggregated(found, how, begin, now)
        sign = COMPARISONS[threshold["comparison"]]
        limit = threshold.get("thresholdValue", 0.0)
        for one in found:
            if one.points and all(sign * point.value > sign * limit for point in one.points):
                yield repr((condition["name"], one.selectable)), one


def _open(cloud: Cloud, policy: Record, one: OneSeries, now: datetime) -> str:
    project = policy.name.split("/")[1]
    name = f"projects/{project}/alerts/{secrets.token_hex(8)}"
    fields = ("name", "displayName", "severity", "userLabels")
    body = {
        "name": name,
        "state": "OPEN",
        "openTime": moments.text(now),
        "policy": {key: policy.body[key] for key in fields if key in policy.body},
        "metric": one.metric,
        "resource": one.resource,
    }
    cloud.store.add(ALERTS, Record(name, body))
    return name


def _close(cloud: Cloud, name: str, now: datetime) -> None:
    cloud.store.change(ALERTS, name, lambda record: record.body.update(state="CLOSED", closeTime=moments.text(now)))


def _aggregation_of_query(query: Json, prefix: str) -> Aggregation:
    return _aggregation(
        {name.removeprefix(f"{prefix}."): value for name, value in query.items() if name.startswith(f"{prefix}.")}
    )


def _aggregation(message: Json) -> Aggregation:
    return Aggregation(
        moments.seconds(message.get("alignmentPeriod", "0s")),
        message.get("perSeriesAligner", "ALIGN_NONE"),
        message.get("crossSeriesReducer", "REDUCE_NONE"),
        tuple(message.get("groupByFields", ())),
    )


def _shown(one: OneSeries, query: Json) -> Json:
    body: Json = {"metric": one.metric, "resource": one.resource, "metricKind": one.kind, "valueType": one.value_type}
    if query.get("view") != "HEADERS":
        body["points"] = [_point(one, point) for point in reversed(one.points)]
    return body


def _point(one: OneSeries, point: Point) -> Json:
    values = {
        "INT64": {"int64Value": str(int(point.value))},
        "BOOL": {"boolValue": bool(point.value)},
        "DOUBLE": {"doubleValue": point.value},
    }
    end = moments.text(point.end)
    return {"interval": {"startTime": end, "endTime": end}, "value": values[one.value_type]}
