"""CloudWatch: what LocalStack's own answers otherwise than the vendor is put right."""

import json
from typing import Any

import pytest

from tests.localcloud.cloud import LocalAws, refusal


@pytest.fixture
def cloudwatch(local_aws: LocalAws) -> Any:
    return local_aws.client("cloudwatch")


def alarm(name: str, **more: Any) -> dict[str, Any]:
    """The request for an alarm on an endpoint's errors."""
    return {
        "AlarmName": name,
        "Namespace": "AWS/SageMaker",
        "MetricName": "Invocation5XXErrors",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        **more,
    }


def test_an_alarms_tags_are_kept(local_aws: LocalAws, cloudwatch: Any) -> None:
    """Protects: tags given with a new alarm are read back; those given with an existing one are ignored."""
    name = local_aws.name("alarm")
    cloudwatch.put_metric_alarm(**alarm(name, Tags=[{"Key": "stile-stage", "Value": "monitoring"}]))
    cloudwatch.put_metric_alarm(**alarm(name, Threshold=2, Tags=[{"Key": "later", "Value": "x"}]))
    (read,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert read["Threshold"] == 2
    tags = cloudwatch.list_tags_for_resource(ResourceARN=read["AlarmArn"])["Tags"]
    assert tags == [{"Key": "stile-stage", "Value": "monitoring"}]
    cloudwatch.delete_alarms(AlarmNames=[name])
    cloudwatch.put_metric_alarm(**alarm(name))
    assert cloudwatch.list_tags_for_resource(ResourceARN=read["AlarmArn"])["Tags"] == []


def test_what_is_missing_is_not_found(cloudwatch: Any) -> None:
    """Protects: the code by which providers tell that an alarm or dashboard is gone."""
    with refusal("ResourceNotFound"):
        cloudwatch.get_dashboard(DashboardName="none-such")
    with refusal("ResourceNotFound"):
        cloudwatch.delete_dashboards(DashboardNames=["none-such"])
    with refusal("ResourceNotFound"):
        cloudwatch.delete_alarms(AlarmNames=["none-such"])


def test_a_dashboard_is_read_as_written(local_aws: LocalAws, cloudwatch: Any) -> None:
    name, body = local_aws.name("dashboard"), json.dumps({"widgets": [{"type": "text"}]})
    cloudwatch.put_dashboard(DashboardName=name, DashboardBody=body)
    assert cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"] == body
    cloudwatch.delete_dashboards(DashboardNames=[name])
    with refusal("ResourceNotFound"):
        cloudwatch.get_dashboard(DashboardName=name)
