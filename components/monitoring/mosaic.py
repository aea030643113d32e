"""The body of a model's dashboard in Cloud Monitoring: traffic, errors, latency and the containers' last errors."""

import json
from typing import Any

ENDPOINT = "aiplatform.googleapis.com/Endpoint"
RESPONSES = "aiplatform.googleapis.com/prediction/online/response_count"
LATENCIES = "aiplatform.googleapis.com/prediction/online/prediction_latencies"
"""Of one endpoint, by response code, and in milliseconds.

Source: https://cloud.google.com/monitoring/api/metrics_gcp_a_b#gcp-aiplatform
"""

_WIDTH, _HEIGHT = 24, 16


def dashboard_json(name: str, endpoint: str) -> str:
    """Return the dashboard of an endpoint, given by its id, as JSON."""
    total = {"perSeriesAligner": "ALIGN_SUM", "crossSeriesReducer": "REDUCE_SUM"}
    tiles = [
        _tile(0, 0, "Requests", _graph([_series(endpoint, RESPONSES, total)])),
        _tile(
            _WIDTH,
            0,
            "Errors",
            _graph(
                [
                    _series(endpoint, RESPONSES, total, f'metric.labels.response_code = starts_with("{first}")')
                    for first in ("4", "5")
                ]
            ),
        ),
        _tile(
            0,
            _HEIGHT,
            "Latency (milliseconds)",
            _graph(
                [_latency(endpoint, "model", 50), _latency(endpoint, "model", 99), _latency(endpoint, "overhead", 99)]
            ),
        ),
        _tile(_WIDTH, _HEIGHT, "Errors in the logs", _errors(endpoint)),
    ]
    return json.dumps({"displayName": name, "mosaicLayout": {"columns": 2 * _WIDTH, "tiles": tiles}}, sort_keys=True)


def _latency(endpoint: str, kind: str, percentile: int) -> dict[str, Any]:
    aggregation = {"perSeriesAligner": f"ALIGN_PERCENTILE_{percentile:02}", "crossSeriesReducer": "REDUCE_MAX"}
    return _series(endpoint, LATENCIES, aggregation, f'metric.labels.latency_type = "{kind}"')


def _series(endpoint: str, metric: str, aggregation: dict[str, str], only: str = "") -> dict[str, Any]:
    parts = [
        f'metric.type = "{metric}"',
        f'resource.type = "{ENDPOINT}"',
        f'resource.labels.endpoint_id = "{endpoint}"',
        *([only] if only else []),
    ]
    asked = {"filter": " AND ".join(parts), "aggregation": {"alignmentPeriod": "60s", **aggregation}}
    return {"plotType": "LINE", "timeSeriesQuery": {"timeSeriesFilter": asked}}


def _graph(series: list[dict[str, Any]]) -> dict[str, Any]:
    return {"xyChart": {"dataSets": series}}


def _errors(endpoint: str) -> dict[str, Any]:
    asked = f'resource.type="{ENDPOINT}" AND resource.labels.endpoint_id="{endpoint}" AND severity>=ERROR'
    return {"logsPanel": {"filter": asked}}


def _tile(x: int, y: int, title: str, shown: dict[str, Any]) -> dict[str, Any]:
    # Positions of 0 are left out, as Google itself leaves them out of its answers.
    place = {key: value for key, value in (("xPos", x), ("yPos", y)) if value}
    return {**place, "width": _WIDTH, "height": _HEIGHT, "widget": {"title": title, **shown}}
