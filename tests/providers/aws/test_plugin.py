"""The stand-in refuses what is not a local cloud and what no table maps; gone is only what the cloud calls gone."""

import pytest

from infra.providers.aws.cloud import require_loopback
from infra.providers.aws.functions import answer
from infra.providers.aws.plugin import AwsPlugin
from infra.providers.kit.local_only import RefusedEndpoint
from infra.providers.kit.resource import CheckCall, PluginError, ReadCall
from infra.providers.kit.values import UNKNOWN, Properties

LOCAL = "http://127.0.0.1:1"  # nothing listens there
ROLE = "aws:iam/role:Role"


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> AwsPlugin:
    monkeypatch.setenv("AWS_ENDPOINT_URL", LOCAL)
    made = AwsPlugin("7.51.1")
    made.configure({})
    return made


def check(plugin: AwsPlugin, token: str, **inputs: object) -> tuple[Properties, list[str]]:
    call = CheckCall(urn="urn:x", name="it", news=dict(inputs), random_seed=b"s")
    checked = plugin.resource(token).check(call)
    return checked.inputs, [failure.property for failure in checked.failures]


@pytest.mark.parametrize("url", ["http://127.0.0.1:4566", "http://127.9.9.9", "http://localhost:1", "http://[::1]:1"])
def test_loopback_is_taken(url: str) -> None:
    assert require_loopback(url) == url


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "https://sagemaker.us-east-1.amazonaws.com",
        "http://192.168.1.2:4566",
        "http://0.0.0.0:4566",
        "http://localhost.example.com",
        "http://127.0.0.1@example.com",
        "127.0.0.1:4566",
    ],
)
def test_any_other_endpoint_is_refused(url: str | None) -> None:
    with pytest.raises(RefusedEndpoint, match="local clouds only"):
        require_loopback(url)


def test_without_an_endpoint_nothing_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's own AWS credentials must never be used with this plugin."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    plugin = AwsPlugin("7.51.1")
    assert [failure.property for failure in plugin.check_config({})] == ["endpoints"]
    with pytest.raises(RefusedEndpoint, match="AWS_ENDPOINT_URL is not set"):
        plugin.configure({})


def test_an_endpoint_of_the_provider_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", LOCAL)
    plugin = AwsPlugin("7.51.1")
    inputs = {"endpoints": '[{"s3": "https://s3.amazonaws.com"}]'}
    assert [failure.property for failure in plugin.check_config(inputs)] == ["endpoints"]
    with pytest.raises(RefusedEndpoint):
        plugin.configure(inputs)


def test_a_provider_input_without_meaning_here_is_refused(plugin: AwsPlugin) -> None:
    assert [failure.property for failure in plugin.check_config({"profile": "prod"})] == ["profile"]


def test_an_unreachable_cloud_is_an_error_and_not_an_absence(plugin: AwsPlugin) -> None:
    """Else a stopped local cloud would empty the state at the next refresh."""
    with pytest.raises(PluginError, match="GetRole"):
        plugin.resource(ROLE).read(ReadCall(urn="", name="it", id="some-role"))


def test_inputs_that_no_table_maps_fail_the_check(plugin: AwsPlugin) -> None:
    wrong = {"assumeRolePolicy": "{}", "colour": "red"}
    assert check(plugin, ROLE, **wrong)[1] == ["colour"]
    rule = {"id": "x", "status": "Enabled", "expiration": {"hours": 3}}
    token = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    assert check(plugin, token, bucket="b", rules=[rule])[1] == ["rules[0].expiration.hours"]


def test_missing_and_mistyped_inputs_fail_the_check(plugin: AwsPlugin) -> None:
    assert check(plugin, ROLE, maxSessionDuration="long")[1] == ["maxSessionDuration", "assumeRolePolicy"]


@pytest.mark.parametrize(
    ("token", "inputs", "path"),
    [
        ("aws:cloudwatch/metricAlarm:MetricAlarm", {"threshold": 1, "thresholdMetricId": "m"}, "thresholdMetricId"),
        (
            "aws:sagemaker/pipeline:Pipeline",
            {"pipelineName": "p", "pipelineDisplayName": "p"},
            "pipelineDefinitionS3Location",
        ),
        ("aws:sagemaker/endpoint:Endpoint", {"endpointConfigName": "c", "deploymentConfig": {}}, "deploymentConfig"),
        ("aws:s3/bucketObjectv2:BucketObjectv2", {"bucket": "b", "content": "", "contentBase64": ""}, "contentBase64"),
    ],
)
def test_what_the_real_plugin_refuses_at_plan_time_is_refused(
    plugin: AwsPlugin, token: str, inputs: Properties, path: str
) -> None:
    assert check(plugin, token, **inputs)[1] == [path]


def test_names_and_defaults_are_filled_in_and_remembered(plugin: AwsPlugin) -> None:
    inputs, wrong = check(plugin, ROLE, assumeRolePolicy={"Version": "2012-10-17"})
    assert wrong == []
    assert inputs["name"].startswith("it-")
    assert inputs["assumeRolePolicy"] == '{"Version":"2012-10-17"}'
    assert inputs["__defaults"] == ["forceDetachPolicies", "maxSessionDuration", "name", "path"]


def test_a_document_with_an_unknown_inside_is_unknown(plugin: AwsPlugin) -> None:
    inputs, wrong = check(plugin, ROLE, assumeRolePolicy={"Statement": [{"Resource": UNKNOWN}]})
    assert wrong == []
    assert inputs["assumeRolePolicy"] is UNKNOWN


def test_what_the_stand_in_does_not_know_is_said(plugin: AwsPlugin) -> None:
    with pytest.raises(PluginError, match="aws:ec2/vpc:Vpc"):
        plugin.resource("aws:ec2/vpc:Vpc")
    with pytest.raises(PluginError, match="getAmi"):
        plugin.invoke("aws:ec2/getAmi:getAmi", {})
    with pytest.raises(PluginError, match="colour"):
        plugin.invoke("aws:index/getRegion:getRegion", {"colour": "red"})


def test_a_policy_document_is_written_as_the_real_function_writes_it(plugin: AwsPlugin) -> None:
    statement = {
        "sid": "one",
        "actions": ["s3:GetObject"],
        "resources": ["arn:a", "arn:b"],
        "principals": [{"type": "Service", "identifiers": ["sagemaker.amazonaws.com"]}],
        "conditions": [{"test": "StringEquals", "variable": "aws:x", "values": ["y"]}],
    }
    cloud = plugin._cloud
    assert cloud is not None
    made = answer(cloud, "aws:iam/getPolicyDocument:getPolicyDocument", {"statements": [statement]})
    assert made["minifiedJson"] == (
        '{"Version":"2012-10-17","Statement":[{"Sid":"one","Effect":"Allow","Action":"s3:GetObject",'
        '"Resource":["arn:b","arn:a"],"Principal":{"Service":"sagemaker.amazonaws.com"},'
        '"Condition":{"StringEquals":{"aws:x":"y"}}}]}'
    )
