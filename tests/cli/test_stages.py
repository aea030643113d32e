"""What a state says of the stages: what each is, and whether it is there."""

from typing import Any

import pytest

from infra.stages import SHOWN, stage_of, stages

PREFIX = "urn:pulumi:local-aws::stile::stile:index:Platform"


def resource(stage: str, token: str = "", **outputs: Any) -> dict[str, Any]:
    """A resource of a stage; without a token the stage's component."""
    kind = f"stile:index:{stage}"
    if not token:
        return {"urn": f"{PREFIX}${kind}::it", "type": kind}
    return {"urn": f"{PREFIX}${kind}${token}::it", "type": token, "id": "the-id", "outputs": outputs}


def found(*resources: dict[str, Any], is_gone: bool = False) -> dict[str, tuple[str, str]]:
    outputs = {"tracking_uri": "https://mlflow.example"}
    return {one.name: (one.status, one.what) for one in stages(resources, outputs, is_gone=is_gone)}


def test_every_stage_is_told_even_where_nothing_is() -> None:
    assert {name: status for name, (status, _) in found().items()} == dict.fromkeys(SHOWN, "missing")


def test_one_is_named_and_several_are_counted() -> None:
    alarm = resource("Monitoring", "aws:cloudwatch/metricAlarm:MetricAlarm")
    said = found(resource("Storage", "aws:s3/bucket:Bucket", bucket="data-1"), alarm, alarm, alarm)
    assert said["storage"] == ("there", "S3 bucket data-1")
    assert said["monitoring"] == ("there", "3 CloudWatch alarms")


def test_each_cloud_is_told_in_its_own_words() -> None:
    """What both call alike is told of the one that is there."""
    policy = resource("Monitoring", "gcp:monitoring/alertPolicy:AlertPolicy")
    body = '{"displayName": "stile-flights", "mosaicLayout": {}}'
    dashboard = resource("Monitoring", "gcp:monitoring/dashboard:Dashboard", dashboardJson=body)
    endpoint = resource("Endpoint", "gcp:vertex/aiEndpoint:AiEndpoint", name="123456789", displayName="stile-flights")
    said = found(policy, policy, dashboard, endpoint, resource("Registry"))
    assert said["monitoring"] == ("there", "dashboard stile-flights, 2 alert policies")
    assert said["endpoint"] == ("there", "Vertex AI endpoint stile-flights")
    assert said["registry"] == ("there", "models that begin with their first version; no resource of its own")
    assert found(resource("Monitoring", "aws:cloudwatch/dashboard:Dashboard"))["monitoring"][1] == "dashboard the-id"


@pytest.mark.parametrize("body", [{"ciphertext": "x"}, "", "[]", "{}"])
def test_a_dashboard_whose_body_names_none_is_told_by_its_id(body: Any) -> None:
    """A body may be encrypted in the state."""
    dashboard = resource("Monitoring", "gcp:monitoring/dashboard:Dashboard", dashboardJson=body)
    assert found(dashboard)["monitoring"] == ("there", "dashboard the-id")


def test_before_the_first_release_there_is_rightly_no_endpoint() -> None:
    assert found(resource("Endpoint"))["endpoint"] == ("none", "no endpoint: nothing is released")


def test_what_was_given_is_named_by_the_stacks_outputs() -> None:
    """An MLflow of one's own is no resource of the stack, and still the stage is there."""
    assert found(resource("Tracking"))["tracking"] == ("there", "an MLflow that exists: https://mlflow.example")


def test_what_a_stopped_local_cloud_held_is_gone() -> None:
    """The state still has it: believed, it would be a lie."""
    said = found(resource("Storage", "aws:s3/bucket:Bucket"), resource("Endpoint"), is_gone=True)
    assert (said["storage"][0], said["endpoint"][0]) == ("gone", "none")


@pytest.mark.parametrize(
    ("urn", "stage"),
    [
        (f"{PREFIX}$stile:index:Storage$aws:s3/bucket:Bucket::data", "storage"),
        (f"{PREFIX}::stile-local-aws", ""),
        ("urn:pulumi:local-aws::stile::pulumi:providers:aws::default", ""),
    ],
)
def test_a_resource_belongs_to_the_stage_in_its_urn(urn: str, stage: str) -> None:
    assert stage_of(urn) == stage
