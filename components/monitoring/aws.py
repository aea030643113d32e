"""Monitoring on AWS: CloudWatch alarms, dashboards and log groups, and an SNS topic."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.endpoint import VARIANT, endpoint_name
from components.monitoring import MonitoringArgs, Watched
from components.monitoring.dashboard import dashboard_body
from components.spec import Alarm
from components.spec import Monitoring as MonitoringSpec


@dataclass(frozen=True)
class Threshold:
    """An alarm's metric of AWS/SageMaker and what is too much, over one minute.

    The metrics and their units: https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
    """

    metric: str
    statistic: Mapping[str, str]
    threshold: int
    what: str


def thresholds(monitoring: MonitoringSpec) -> Mapping[Alarm, Threshold]:
    """Return each kind of alarm's threshold; ModelLatency is in microseconds."""
    total = {"statistic": "Sum"}
    return {
        "server-errors": Threshold("Invocation5XXErrors", total, monitoring.server_errors_per_minute, "server errors"),
        "client-errors": Threshold("Invocation4XXErrors", total, monitoring.client_errors_per_minute, "bad requests"),
        "latency": Threshold(
            "ModelLatency", {"extended_statistic": "p99"}, monitoring.latency_ms * 1000, "microseconds for 1 in 100"
        ),
    }


class AwsMonitoring(pulumi.ComponentResource):
    """One topic, and per model three alarms, a dashboard and the serving containers' log group."""

    topic: pulumi.Output[str]
    models: Mapping[str, Watched]
    resources: Sequence[pulumi.Resource]

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("stile:index:Monitoring", name, {}, opts)
        self._args = args
        self._naming = args["naming"]
        self._child = pulumi.ResourceOptions(parent=self)
        self.resources = []
        given = args.get("topic")
        self.topic = pulumi.Output.from_input(given) if given else self._new_topic()
        self.models = {model: self._watch(model) for model in args["models"]}
        self.register_outputs({"topic": self.topic})

    def _new_topic(self) -> pulumi.Output[str]:
        name = self._naming.of("alarms")
        topic = aws.sns.Topic(name, name=name, tags=self._naming.tags("monitoring"), opts=self._child)
        arn: pulumi.Output[str] = topic.arn
        policy = pulumi.Output.all(arn, topic.owner).apply(lambda known: json.dumps(_publishers(*known)))
        self.resources = [aws.sns.TopicPolicy(name, arn=arn, policy=policy, opts=self._child)]
        for number, email in enumerate(self._args["monitoring"].emails):
            aws.sns.TopicSubscription(f"{name}-{number}", topic=arn, protocol="email", endpoint=email, opts=self._child)
        return arn

    def _watch(self, model: str) -> Watched:
        group = f"/aws/sagemaker/Endpoints/{endpoint_name(self._naming, model)}"
        logs = aws.cloudwatch.LogGroup(
            self._naming.of(model),
            name=group,
            retention_in_days=self._args["monitoring"].log_retention_days,
            tags=self._naming.tags("monitoring", model),
            opts=self._child,
        )
        alarms = {kind: self._alarm(model, kind, rule) for kind, rule in thresholds(self._args["monitoring"]).items()}
        dashboard = aws.cloudwatch.Dashboard(
            self._naming.of(model),
            dashboard_name=self._naming.of(model),
            dashboard_body=dashboard_body(endpoint_name(self._naming, model), self._args["region"], group),
            opts=self._child,
        )
        names = {kind: alarm.name for kind, alarm in alarms.items()}
        return Watched(names, dashboard.dashboard_name, logs.name, [logs, *alarms.values()])

    def _alarm(self, model: str, kind: Alarm, rule: Threshold) -> Any:
        name = self._naming.of(model, kind)
        return aws.cloudwatch.MetricAlarm(
            name,
            name=name,
            alarm_description=f"{model}: {rule.threshold} or more {rule.what} in a minute",
            namespace="AWS/SageMaker",
            metric_name=rule.metric,
            dimensions={"EndpointName": endpoint_name(self._naming, model), "VariantName": VARIANT},
            **rule.statistic,
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=rule.threshold,
            period=60,
            evaluation_periods=1,
            treat_missing_data="notBreaching",
            alarm_actions=[self.topic],
            ok_actions=[self.topic],
            tags=self._naming.tags("monitoring", model),
            opts=self._child,
        )


def _publishers(topic: str, account: str) -> Mapping[str, Any]:
    services = ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "AlarmsAndBudgetsOfThisAccount",
                "Effect": "Allow",
                "Principal": {"Service": services},
                "Action": "sns:Publish",
                "Resource": topic,
                "Condition": {"StringEquals": {"aws:SourceAccount": account}},
            }
        ],
    }
