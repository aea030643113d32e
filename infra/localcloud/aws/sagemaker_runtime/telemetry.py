"""What is kept of each invocation: CloudWatch's metrics and captured data, sent in the background in batches."""

import logging
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from infra.localcloud.aws.sagemaker import job_cloud

LOG = logging.getLogger(__name__)
NAMESPACE = "AWS/SageMaker"
FLUSH_SECONDS = 1.0
MAX_VALUES = 150  # of one datum, a limit of PutMetricData


class Source(NamedTuple):
    """The variant that a metric is of."""

    region: str
    endpoint: str
    variant: str


class Metrics:
    """Values since the last flush, per variant and metric; a thread sends them every second."""

    def __init__(self) -> None:
        self._values: dict[Source, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        self._filled = threading.Condition()
        threading.Thread(target=self._run, name="endpoint-metrics", daemon=True).start()

    def note(self, source: Source, values: Mapping[str, float]) -> None:
        """Take the values of one invocation."""
        with self._filled:
            for metric, value in values.items():
                self._values[source][metric].append(value)
            self._filled.notify_all()

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            with self._filled:
                self._filled.wait_for(lambda: bool(self._values))
            pause.wait(FLUSH_SECONDS)
            with self._filled:
                taken, self._values = self._values, defaultdict(lambda: defaultdict(list))
            for source, values in taken.items():
                _send(source, values)


def _send(source: Source, values: Mapping[str, list[float]]) -> None:
    moment = datetime.now(UTC)
    dimensions = [
        {"Name": "EndpointName", "Value": source.endpoint},
        {"Name": "VariantName", "Value": source.variant},
    ]
    data = [
        {
            "MetricName": metric,
            "Dimensions": dimensions,
            "Timestamp": moment,
            "Values": part,
            "Counts": [1.0] * len(part),
            "Unit": "Microseconds" if metric.endswith("Latency") else "None",
        }
        for metric, all_values in values.items()
        for part in _parts(all_values)
    ]
    try:
        job_cloud.own_client("cloudwatch", source.region).put_metric_data(Namespace=NAMESPACE, MetricData=data)
    except (ClientError, BotoCoreError) as error:
        # An invocation does not fail for want of its metrics; the cloud's log says that they are lost.
        LOG.warning("metrics of %s are lost: %s", source, error)


def _parts(values: list[float]) -> Iterable[list[float]]:
    return (values[start : start + MAX_VALUES] for start in range(0, len(values), MAX_VALUES))


@cache
def metrics() -> Metrics:
    """Return the one sender of metrics."""
    return Metrics()


def latency_microseconds(seconds: float) -> float:
    """Convert a time to the unit of the vendor's latencies."""
    return round(seconds * 1_000_000, 1)


def values_of(status: int, model_seconds: float, whole_seconds: float) -> dict[str, Any]:
    """Return the metrics of one invocation, as the vendor counts them: errors as 0 or 1 of each."""
    return {
        "Invocations": 1.0,
        "Invocation4XXErrors": float(400 <= status < 500),
        "Invocation5XXErrors": float(status >= 500),
        "ModelLatency": latency_microseconds(model_seconds),
        "OverheadLatency": latency_microseconds(max(whole_seconds - model_seconds, 0.0)),
    }
