"""Endpoints: nothing before a release; then model, configuration, endpoint and check, wired to what was asked."""

from components.spec import Release
from tests.components.configs import RELEASE, SHA256, full
from tests.components.conftest import Deploy
from tests.components.mocked import RANDOM, Declared

NAME = "stile-test-aws-flight-delays"


def test_no_release_no_endpoint_but_alarms(first_up: Declared) -> None:
    served = ("sagemaker/model:Model", "EndpointConfiguration", "endpoint:Endpoint", "endpoint:Live")
    assert [made.urn for type_ in served for made in first_up.all(type_)] == []
    assert {alarm.name for alarm in first_up.all("MetricAlarm")} == {
        f"{NAME}-server-errors",
        f"{NAME}-client-errors",
        f"{NAME}-latency",
    }
    for alarm in first_up.all("MetricAlarm"):
        assert alarm.inputs["dimensions"] == {"EndpointName": NAME, "VariantName": "AllTraffic"}
        assert alarm.inputs["treatMissingData"] == "notBreaching"


def test_a_release_is_wired_through(released: Declared) -> None:
    model = released.one("sagemaker/model:Model")
    configuration = released.one("EndpointConfiguration")
    container = model.inputs["primaryContainer"]
    (variant,) = configuration.inputs["productionVariants"]
    assert container["modelPackageName"] == f"arn:aws:sagemaker:us-east-1:123456789012:model-package/{NAME}/3"
    assert container["environment"]["STILE_MODEL_VERSION"] == "3"
    assert container["environment"]["STILE_MODEL_SHA256"] == SHA256
    assert variant["modelName"] == f"{model.name}-{RANDOM}"
    assert (variant["instanceType"], variant["initialInstanceCount"]) == ("ml.c5.large", 1)
    endpoint = released.one("sagemaker/endpoint:Endpoint")
    live = released.one("stile:endpoint:Live")
    assert (endpoint.inputs["name"], endpoint.inputs["endpointConfigName"]) == (NAME, f"{configuration.name}-{RANDOM}")
    assert (live.inputs["asked"], live.inputs["modelVersion"]) == (f"{configuration.name}-{RANDOM}", "3")
    assert endpoint.urn in live.depends_on


def test_alarms_stop_a_rollout_that_is_watched(deploy: Deploy) -> None:
    declared = deploy(full(release=RELEASE, rollout={"bake_seconds": 60, "alarms": ["latency"]}))
    deployment = declared.one("sagemaker/endpoint:Endpoint").inputs["deploymentConfig"]
    routing = deployment["blueGreenUpdatePolicy"]["trafficRoutingConfiguration"]
    assert deployment["autoRollbackConfiguration"]["alarms"] == [{"alarmName": f"{NAME}-latency"}]
    assert routing == {"type": "ALL_AT_ONCE", "waitIntervalInSeconds": 60}


def test_without_a_time_to_watch_nothing_is_watched(released: Declared) -> None:
    assert "deploymentConfig" not in released.one("sagemaker/endpoint:Endpoint").inputs


def test_captured_requests_go_to_the_data_bucket_encrypted(released: Declared) -> None:
    """SageMaker adds `/<endpoint>/<variant>/yyyy/mm/dd/hh` by itself."""
    capture = released.one("EndpointConfiguration").inputs["dataCaptureConfig"]
    bucket = f"stile-test-aws-data-{RANDOM}"
    assert capture["destinationS3Uri"] == f"s3://{bucket}/capture"
    assert capture["initialSamplingPercentage"] == 100
    assert capture["kmsKeyId"]


def test_a_share_of_zero_captures_nothing(deploy: Deploy) -> None:
    declared = deploy(full(release=RELEASE, endpoint={"capture": {"share": 0}}))
    assert "dataCaptureConfig" not in declared.one("EndpointConfiguration").inputs


def test_replaced_models_and_configurations_stay_in_the_cloud(released: Declared) -> None:
    retained = {made.type.split(":")[-1] for made in released.resources if made.retained}
    assert retained == {"Image", "Model", "EndpointConfiguration"}


def test_names_follow_content_and_only_content(deploy: Deploy, released: Declared) -> None:
    """Same release, same names; another digest, another pair; another machine, another configuration only."""
    again = deploy(full(release=RELEASE))
    other = deploy(full(release=RELEASE | {"sha256": "cd" * 32}))
    wider = deploy(full(release=RELEASE, endpoint={"instances": {"min": 2}}))

    def names(declared: Declared) -> tuple[str, str]:
        return declared.one("sagemaker/model:Model").name, declared.one("EndpointConfiguration").name

    assert names(again) == names(released)
    assert not set(names(other)) & set(names(released))
    assert names(wider)[0] == names(released)[0]
    assert names(wider)[1] != names(released)[1]


def test_the_endpoint_waits_for_alarms_logs_and_permissions(released: Declared) -> None:
    waits = released.one("sagemaker/endpoint:Endpoint").depends_on
    needed = [
        *released.all("MetricAlarm"),
        released.one("LogGroup"),
        *(made for made in released.all("RolePolicy") if made.name.endswith("serving-access")),
    ]
    assert len(needed) == 5
    assert {made.urn for made in needed} <= waits


def test_the_release_of_the_tests_is_a_valid_one() -> None:
    assert Release(**RELEASE).version == "3"
