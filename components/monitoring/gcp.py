"""Monitoring on Google Cloud: alert policies and dashboards of Cloud Monitoring, and a Pub/Sub topic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_gcp as gcp

from components.endpoint import endpoint_id
from components.google import BUDGETS_AGENT, agent, enable
from components.monitoring import MonitoringArgs, Watched
from components.monitoring.mosaic import ENDPOINT, LATENCIES, RESPONSES, dashboard_json
from components.spec import Alarm
from components.spec import Monitoring as MonitoringSpec


@dataclass(frozen=True)
class Threshold:
    """An alarm's metric of Vertex AI and what is still allowed, over one minute; more is too much.

    The metrics and their units: https://cloud.google.com/monitoring/api/metrics_gcp_a_b#gcp-aiplatform
    """

    metric: str
    only: str
    aggregation: Mapping[str, str]
    threshold: float
    what: str


def thresholds(monitoring: MonitoringSpec) -> Mapping[Alarm, Threshold]:
    """Return each kind of alarm's threshold; latencies are in milliseconds.

    Google compares by `greater than` alone, so a count alarms above one less than what is too much.
    """
    total = {"per_series_aligner": "ALIGN_SUM", "cross_series_reducer": "REDUCE_SUM"}
    slowest = {"per_series_aligner": "ALIGN_PERCENTILE_99", "cross_series_reducer": "REDUCE_MAX"}
    server, client = monitoring.server_errors_per_minute, monitoring.client_errors_per_minute
    return {
        "server-errors": Threshold(RESPONSES, _coded("5"), total, server - 1, "server errors"),
        "client-errors": Threshold(RESPONSES, _coded("4"), total, client - 1, "bad requests"),
        "latency": Threshold(
            LATENCIES,
            'metric.labels.latency_type = "model"',
            slowest,
            monitoring.latency_ms,
            "milliseconds for 1 in 100",
        ),
    }


class GcpMonitoring(pulumi.ComponentResource):
    """One topic, and per model three alert policies and a dashboard.

    Serving containers log to the project's own bucket of logs, which keeps them 30 days. Dashboards and the topic's
    publishers take no labels.
    """

    topic: pulumi.Output[str]
    models: Mapping[str, Watched]
    resources: Sequence[pulumi.Resource]

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("stile:index:Monitoring", name, {}, opts)
        self._args = args
        self._naming, self._place = args["naming"], args["place"]
        child = pulumi.ResourceOptions(parent=self)
        enabled = enable(self._naming, ("monitoring", "pubsub"), child)
        self._child = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=enabled))
        self.resources = []
        given = args.get("topic")
        self.topic = pulumi.Output.from_input(given) if given else self._new_topic()
        self._channels = self._told()
        self.models = {model: self._watch(model) for model in args["models"]}
        self.register_outputs({"topic": self.topic})

    def _new_topic(self) -> pulumi.Output[str]:
        name = self._naming.of("alarms")
        topic = gcp.pubsub.Topic(name, name=name, labels=self._naming.tags("monitoring"), opts=self._child)
        publishers = {
            "alarms": agent("monitoring", self._place),
            "budgets": f"serviceAccount:{BUDGETS_AGENT}",
        }
        self.resources = [
            gcp.pubsub.TopicIAMMember(
                f"{name}-{who}", topic=topic.id, role="roles/pubsub.publisher", member=member, opts=self._child
            )
            for who, member in publishers.items()
        ]
        path: pulumi.Output[str] = topic.id
        return path

    def _told(self) -> list[pulumi.Output[str]]:
        """Make a channel of the topic, and one for each address."""
        channels = [self._channel("topic", "pubsub", {"topic": self.topic})]
        for number, email in enumerate(self._args["monitoring"].emails):
            channels.append(self._channel(str(number), "email", {"email_address": email}))
        return channels

    def _channel(self, what: str, kind: str, labels: Mapping[str, pulumi.Input[str]]) -> pulumi.Output[str]:
        name = self._naming.of("alarms", what)
        may = pulumi.ResourceOptions(depends_on=list(self.resources))
        channel = gcp.monitoring.NotificationChannel(
            name,
            display_name=name,
            type=kind,
            labels=labels,
            user_labels=self._naming.tags("monitoring"),
            opts=pulumi.ResourceOptions.merge(self._child, may),
        )
        full_name: pulumi.Output[str] = channel.name
        return full_name

    def _watch(self, model: str) -> Watched:
        logs = f'resource.type="{ENDPOINT}" AND resource.labels.endpoint_id="{endpoint_id(self._naming, model)}"'
        alarms = {kind: self._alarm(model, kind, rule) for kind, rule in thresholds(self._args["monitoring"]).items()}
        dashboard = gcp.monitoring.Dashboard(
            self._naming.of(model),
            dashboard_json=dashboard_json(self._naming.of(model), endpoint_id(self._naming, model)),
            opts=self._child,
        )
        names = {kind: alarm.name for kind, alarm in alarms.items()}
        return Watched(names, dashboard.id, pulumi.Output.from_input(logs), [*alarms.values()])

    def _alarm(self, model: str, kind: Alarm, rule: Threshold) -> Any:
        name = self._naming.of(model, kind)
        condition = {
            "filter": " AND ".join(
                [
                    f'resource.type = "{ENDPOINT}"',
                    f'resource.labels.endpoint_id = "{endpoint_id(self._naming, model)}"',
                    f'metric.type = "{rule.metric}"',
                    rule.only,
                ]
            ),
            "aggregations": [{"alignment_period": "60s", **rule.aggregation}],
            "comparison": "COMPARISON_GT",
            "threshold_value": rule.threshold,
            "duration": "0s",
            "evaluation_missing_data": "EVALUATION_MISSING_DATA_INACTIVE",
        }
        said = f"{model}: more than {rule.threshold:g} {rule.what} in a minute"
        return gcp.monitoring.AlertPolicy(
            name,
            display_name=name,
            combiner="OR",
            conditions=[{"display_name": said, "condition_threshold": condition}],
            notification_channels=self._channels,
            user_labels=self._naming.tags("monitoring", model),
            opts=self._child,
        )


def _coded(first: str) -> str:
    return f'metric.labels.response_code = starts_with("{first}")'
