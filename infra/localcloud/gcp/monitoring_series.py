"""Cloud Monitoring's time series: what is written is listed, aligned and reduced as asked."""

from infra.localcloud.gcp import moments
from infra.localcloud.gcp.call import Call
from infra.localcloud.gcp.errors import Json, Refusal, invalid
from infra.localcloud.gcp.paging import page
from infra.localcloud.gcp.series import Aggregation, AllSeries, OneSeries, Point, aggregated
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.store import Record

SERVICE = Service("monitoring.v3")
# What clients may write. Source: https://cloud.google.com/monitoring/custom-metrics/creating-metrics
OWN = ("custom.googleapis.com/", "workload.googleapis.com/", "external.googleapis.com/", "prometheus.googleapis.com/")
VALUES = {"doubleValue": "DOUBLE", "int64Value": "INT64", "boolValue": "BOOL"}


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
        found = aggregated(found, _aggregation_of_query(call.query, prefix), end)
    records = [Record(str(number), _shown(one, call.query), number=number) for number, one in enumerate(found)]
    chosen, token = page(records, {**call.query, "filter": "", "orderBy": ""})
    answer: Json = {"timeSeries": [record.body for record in chosen]} if chosen else {}
    return {**answer, "nextPageToken": token} if token else answer


def _aggregation_of_query(query: Json, prefix: str) -> Aggregation:
    return aggregation(
        {name.removeprefix(f"{prefix}."): value for name, value in query.items() if name.startswith(f"{prefix}.")}
    )


def aggregation(message: Json) -> Aggregation:
    """Return an aggregation of the API's message."""
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
        "DISTRIBUTION": {"distributionValue": {"count": "1", "mean": point.value}},
    }
    end = moments.text(point.end)
    return {"interval": {"startTime": end, "endTime": end}, "value": values[one.value_type]}
