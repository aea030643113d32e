"""The body of a model's CloudWatch dashboard: traffic, errors, latency and the containers' last errors."""

import json
from typing import Any

from components.endpoint import VARIANT

_WIDTH, _HEIGHT = 12, 6


def dashboard_body(endpoint: str, region: str, log_group: str) -> str:
    """Return the dashboard of an endpoint as JSON; ModelLatency and OverheadLatency are in microseconds."""
    widgets = [
        _graph(0, 0, "Requests", region, [_metric(endpoint, "Invocations", "Sum")]),
        _graph(
            _WIDTH,
            0,
            "Errors",
            region,
            [_metric(endpoint, "Invocation4XXErrors", "Sum"), _metric(endpoint, "Invocation5XXErrors", "Sum")],
        ),
        _graph(
            0,
            _HEIGHT,
            "Latency (microseconds)",
            region,
            [
                _metric(endpoint, "ModelLatency", "p50"),
                _metric(endpoint, "ModelLatency", "p99"),
                _metric(endpoint, "OverheadLatency", "p99"),
            ],
        ),
        _errors(_WIDTH, _HEIGHT, region, log_group),
    ]
    return json.dumps({"widgets": widgets}, sort_keys=True)


def _metric(endpoint: str, name: str, statistic: str) -> list[Any]:
    return ["AWS/SageMaker", name, "EndpointName", endpoint, "VariantName", VARIANT, {"stat": statistic}]


def _graph(x: int, y: int, title: str, region: str, metrics: list[list[Any]]) -> dict[str, Any]:
    properties = {"title": title, "region": region, "view": "timeSeries", "period": 60, "metrics": metrics}
    return {"type": "metric", "x": x, "y": y, "width": _WIDTH, "height": _HEIGHT, "properties": properties}


def _errors(x: int, y: int, region: str, log_group: str) -> dict[str, Any]:
    query = f"SOURCE '{log_group}' | fields @timestamp, @message | filter @message like /(?i)error/ | limit 20"
    properties = {"title": "Errors in the logs", "region": region, "query": query, "view": "table"}
    return {"type": "log", "x": x, "y": y, "width": _WIDTH, "height": _HEIGHT, "properties": properties}
