"""What is kept of each online prediction: Cloud Monitoring's metrics of endpoints, which dashboards and alarms read."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from infra.localcloud.gcp.call import PROJECT_NUMBER, Cloud
from infra.localcloud.gcp.series import AllSeries, Point

# Source of metrics, labels and units: https://cloud.google.com/monitoring/api/metrics_gcp_a_b#gcp-aiplatform
PREFIX = "aiplatform.googleapis.com/prediction/online"
RESOURCE = "aiplatform.googleapis.com/Endpoint"


@dataclass
class Seen:
    """What is known of a prediction when it is over.

    Attributes:
        status: the HTTP status; that of a server that did not answer, until another is set.
    """

    status: int = 503


@contextmanager
def watched(cloud: Cloud, endpoint: str, deployed_model: str, instances: int) -> Iterator[Seen]:
    """Note the prediction that is made within, also one that fails.

    Args:
        cloud: where.
        endpoint: the endpoint's name.
        deployed_model: the id of the deployed model that answers.
        instances: how many predictions are asked for.
    """
    seen, began = Seen(), monotonic()
    try:
        yield seen
    finally:
        milliseconds = (monotonic() - began) * 1000
        _note(cloud, endpoint, deployed_model, seen.status, instances, milliseconds)


def _note(cloud: Cloud, endpoint: str, deployed_model: str, status: int, instances: int, milliseconds: float) -> None:
    words = endpoint.split("/")
    labels = {"resource_container": PROJECT_NUMBER, "location": words[3], "endpoint_id": words[-1]}
    resource = {"type": RESOURCE, "labels": labels}
    own = {"deployed_model_id": deployed_model}
    counts = {
        "response_count": ({**own, "response_code": str(status)}, 1),
        "prediction_count": (own, instances),
        "error_count": (own, int(status >= 400)),
    }
    series, now = cloud.part(AllSeries), datetime.now(UTC)
    for metric, (with_labels, count) in counts.items():
        series.count({"type": f"{PREFIX}/{metric}", "labels": with_labels}, resource, Point(now, float(count)))
    latency = {"type": f"{PREFIX}/prediction_latencies", "labels": {**own, "latency_type": "model"}}
    series.sample(latency, resource, Point(now, milliseconds))
