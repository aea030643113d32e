"""What online predictions leave in Cloud Monitoring: what the stack's alarms and dashboards look at."""

import pytest

from components.monitoring.mosaic import LATENCIES, RESPONSES
from infra.localcloud.gcp.vertex.telemetry import watched
from tests.localcloud.gcp.serving import PLACE, PROJECT, Served

ENDPOINT = f"{PLACE}/endpoints/4711"
TOTAL = {"perSeriesAligner": "ALIGN_SUM", "crossSeriesReducer": "REDUCE_SUM"}
SLOWEST = {"perSeriesAligner": "ALIGN_PERCENTILE_99", "crossSeriesReducer": "REDUCE_MAX"}


def predicted(gcp: Served, status: int | None) -> None:
    """Note a prediction; None is a server that breaks off."""
    with watched(gcp.cloud, ENDPOINT, "1", 2) as seen:
        if status is None:
            raise ConnectionError("broken off")
        seen.status = status


def policy(gcp: Served, metric: str, only: str, aggregation: dict[str, str], threshold: float) -> str:
    """Make an alert policy as the monitoring stage does, and return its name."""
    parts = (
        'resource.type = "aiplatform.googleapis.com/Endpoint"',
        'resource.labels.endpoint_id = "4711"',
        f'metric.type = "{metric}"',
        only,
    )
    condition = {
        "filter": " AND ".join(parts),
        "aggregations": [{"alignmentPeriod": "60s", **aggregation}],
        "comparison": "COMPARISON_GT",
        "thresholdValue": threshold,
        "duration": "0s",
    }
    conditions = [{"displayName": only, "conditionThreshold": condition}]
    body = {"displayName": only, "combiner": "OR", "conditions": conditions}
    policies = gcp.client("monitoring", "v3").projects().alertPolicies()
    made: str = policies.create(name=PROJECT, body=body).execute()["name"]
    return made


def test_predictions_set_off_the_alarms_of_their_endpoint(gcp: Served) -> None:
    """Protects: errors by their code, and latencies by their percentile, as the stack's three alarms ask for them."""
    server = policy(gcp, RESPONSES, 'metric.labels.response_code = starts_with("5")', TOTAL, 1)
    client = policy(gcp, RESPONSES, 'metric.labels.response_code = starts_with("4")', TOTAL, 1)
    slow = policy(gcp, LATENCIES, 'metric.labels.latency_type = "model"', SLOWEST, 60_000)
    any_at_all = policy(gcp, LATENCIES, 'metric.labels.latency_type = "model"', SLOWEST, -1)
    alerts = gcp.client("monitoring", "v3").projects().alerts()

    def opened() -> set[str]:
        found = alerts.list(parent=PROJECT).execute().get("alerts", [])
        return {one["policy"]["name"] for one in found if one["state"] == "OPEN"}

    assert opened() == set()
    for status in (200, 200, 404, 503):
        predicted(gcp, status)
    assert opened() == {any_at_all}
    with pytest.raises(ConnectionError):
        predicted(gcp, None)
    assert opened() == {any_at_all, server}
    predicted(gcp, 400)
    assert opened() == {any_at_all, server, client}
    assert slow not in opened()
