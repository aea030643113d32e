"""The output of containers in Cloud Logging, under the names that Vertex AI gives its logs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from infra.localcloud.gcp import moments
from infra.localcloud.gcp.call import PROJECT, Cloud
from infra.localcloud.gcp.cloudlogging import Entries
from infra.localcloud.jobs.process import LogLine

CONSOLE = "https://console.cloud.google.com/logs/viewer"


@dataclass(frozen=True)
class JobLog:
    """One container's log.

    Attributes:
        entries: where all entries of the cloud are.
        name: the log's, such as `projects/p/logs/workerpool0-0`.
        resource: the kind of the monitored resource.
        labels: the resource's labels.
        entry_labels: labels of each entry.
    """

    entries: Entries
    name: str
    resource: str
    labels: Mapping[str, str]
    entry_labels: Mapping[str, str]

    def write(self, line: LogLine) -> None:
        """Write a line; empty ones are left out."""
        if line.text:
            time = datetime.fromtimestamp(line.timestamp_ms / 1000, UTC)
            self._write(line.text, moments.text(time), "INFO")

    def say(self, text: str) -> None:
        """Write a line of the platform's own."""
        self._write(text, moments.now(), "WARNING")

    @property
    def url(self) -> str:
        """Where people are sent to read it."""
        label, value = next(iter(self.labels.items()))
        return f"{CONSOLE}?project={PROJECT}&resource={self.resource.replace('/', '%2F')}%2F{label}%2F{value}"

    def _write(self, text: str, time: str, severity: str) -> None:
        entry = {
            "logName": self.name,
            "resource": {"type": self.resource, "labels": dict(self.labels)},
            "labels": dict(self.entry_labels),
            "timestamp": time,
            "severity": severity,
            "jsonPayload": {"message": text},
        }
        self.entries.write([entry])


def job_log(cloud: Cloud, job_id: str, replica: str) -> JobLog:
    """Return the log of a custom job's replica.

    Source: https://cloud.google.com/vertex-ai/docs/training/monitor-debug-interactive-shell (logs of ml_job).
    """
    labels = {"job_id": job_id, "project_id": PROJECT, "task_name": replica}
    own = {"ml.googleapis.com/endpoint": "", "ml.googleapis.com/job_id/log_area": "root"}
    return JobLog(cloud.part(Entries), f"projects/{PROJECT}/logs/{replica}", "ml_job", labels, own)


def serving_log(cloud: Cloud, endpoint: str, deployed_model: str, model: str) -> JobLog:
    """Return the log of a deployed model's container; `endpoint` and `model` are resource names.

    Source: https://cloud.google.com/vertex-ai/docs/predictions/online-prediction-logging
    """
    words = endpoint.split("/")
    labels = {"endpoint_id": words[-1], "location": words[3], "resource_container": f"projects/{PROJECT}"}
    own = {"deployed_model_id": deployed_model, "model_id": model.rpartition("/")[2], "replica_id": "replica-0"}
    name = f"projects/{PROJECT}/logs/aiplatform.googleapis.com%2Fprediction_container"
    return JobLog(cloud.part(Entries), name, "aiplatform.googleapis.com/Endpoint", labels, own)
