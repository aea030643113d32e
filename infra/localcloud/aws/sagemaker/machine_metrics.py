"""The metrics of the machine that runs a container, published under its role as the vendor's agent does.

The machine is this one, whatever instance type was asked for. Names, units and dimensions:
https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html, the sections on jobs and instances.
"""

import logging
import threading
from collections.abc import Mapping
from typing import Any

import psutil
from botocore.exceptions import BotoCoreError, ClientError

LOG = logging.getLogger(__name__)
FIRST_SECONDS, PERIOD_SECONDS = 1.0, 60.0


class MachineMetrics:
    """One container's machine, measured from now until `close`; neither its start nor its end waits for the service.

    Metrics that the service refuses (say, to a role without the permission) do not fail the container: the reason is
    kept in the local cloud's own log.
    """

    def __init__(self, client: Any, namespace: str, dimensions: Mapping[str, str]) -> None:
        self._client = client
        self._namespace = namespace
        self._dimensions = [{"Name": name, "Value": value} for name, value in dimensions.items()]
        self._ended = threading.Event()
        self._busy = _busy_seconds()
        self._seen = _all_seconds()
        threading.Thread(target=self._run, name=f"metrics-{namespace}", daemon=True).start()

    def close(self) -> None:
        """Publish what was measured last, in the background."""
        self._ended.set()

    def _run(self) -> None:
        pause = FIRST_SECONDS
        while not self._ended.wait(pause):
            self._publish()
            pause = PERIOD_SECONDS
        self._publish()

    def _publish(self) -> None:
        values = {
            "CPUUtilization": self._cpu_percent(),
            "MemoryUtilization": psutil.virtual_memory().percent,
            "DiskUtilization": psutil.disk_usage("/").percent,
        }
        data = [
            {"MetricName": name, "Dimensions": self._dimensions, "Value": value, "Unit": "Percent"}
            for name, value in values.items()
        ]
        try:
            self._client.put_metric_data(Namespace=self._namespace, MetricData=data)
        except (ClientError, BotoCoreError) as error:
            LOG.warning("metrics of %s are lost: %s", self._dimensions, error)

    def _cpu_percent(self) -> float:
        """Return the sum of all cores' utilization since the last call, as the vendor counts it."""
        busy, seen = _busy_seconds(), _all_seconds()
        share = (busy - self._busy) / (seen - self._seen) if seen > self._seen else 0.0
        self._busy, self._seen = busy, seen
        return round(100 * share * (psutil.cpu_count() or 1), 2)


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(_all_seconds() - times.idle - getattr(times, "iowait", 0.0))


def _all_seconds() -> float:
    return float(sum(psutil.cpu_times()))
