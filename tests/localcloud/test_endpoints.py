"""Endpoints serve with real processes: created, weighted, updated without a gap, rolled back, captured, measured."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from tests.localcloud.cloud import LocalAws, refusal
from tests.localcloud.endpoint_ground import SERVER, Serving, eventually
from tests.localcloud.job_images import ground


@pytest.fixture(scope="module")
def serving(local_aws: LocalAws, crane: str, tmp_path_factory: pytest.TempPathFactory) -> Serving:
    return Serving(local_aws, ground(local_aws, crane, tmp_path_factory.mktemp("image"), SERVER))


def test_an_endpoint_serves_and_goes(serving: Serving) -> None:
    """Protects: the container's contract when serving, and that nothing of an endpoint is left after its delete."""
    before = {process.pid for process in psutil.Process(serving.aws.cloud.pid).children(recursive=True)}
    config = serving.config(("only", 1.0))
    name = serving.endpoint(config)
    described = serving.sagemaker.describe_endpoint(EndpointName=name)
    assert described["EndpointConfigName"] == config
    assert described["ProductionVariants"][0]["CurrentWeight"] == 1.0
    assert described["ProductionVariants"][0]["DeployedImages"][0]["SpecifiedImage"] == serving.ground.image
    answer = serving.invoke(name, CustomAttributes="forth", InferenceId="event-1", Accept="application/json")
    assert answer["InvokedProductionVariant"] == "only"
    assert answer["ContentType"] == "application/json"
    assert answer["CustomAttributes"] == "back"
    body = answer["Body"]
    assert (body["word"], body["got"], body["role"]) == ("only", "hello", True)
    assert body["environment"] == {"OWN": "set"}
    assert body["headers"]["X-Amzn-SageMaker-Inference-Id"] == "event-1"
    assert body["headers"]["Content-Type"] == "application/json"
    serving.delete(name)
    with refusal("ValidationException", "Could not find endpoint"):
        serving.sagemaker.describe_endpoint(EndpointName=name)
    with refusal("ValidationError", "not found"):
        serving.invoke(name)
    after = {process.pid for process in psutil.Process(serving.aws.cloud.pid).children(recursive=True)}
    assert after - before == set()


@pytest.mark.slow
def test_traffic_is_split_by_weight(serving: Serving) -> None:
    """Protects: weights are honoured in distribution, weight 0 gets nothing, a named variant gets its requests."""
    name = serving.endpoint(serving.config(("three", 3.0), ("one", 1.0), ("none", 0.0)))
    chosen = Counter(serving.invoke(name)["InvokedProductionVariant"] for _ in range(200))
    assert set(chosen) == {"three", "one"}
    assert 115 <= chosen["three"] <= 185  # 150 expected; more than five standard deviations either way
    assert serving.invoke(name, TargetVariant="none")["Body"]["word"] == "none"
    with refusal("ValidationError", "Variant other not found"):
        serving.invoke(name, TargetVariant="other")
    serving.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[{"VariantName": "one", "DesiredWeight": 0.0}],
    )
    serving.settled(name)
    assert {serving.invoke(name)["InvokedProductionVariant"] for _ in range(40)} == {"three"}
    serving.delete(name)


def test_an_update_leaves_no_gap(serving: Serving) -> None:
    """Protects: every request during an update is answered, by the old variant or the new one."""
    name = serving.endpoint(serving.config(("before", 1.0)))
    config = serving.config(("after", 1.0))
    words: list[str] = []

    def load() -> None:
        while not words or words[-1] != "after":
            words.append(serving.invoke(name)["Body"]["word"])

    with ThreadPoolExecutor(2) as pool:
        loading = pool.submit(load)
        slow = pool.submit(lambda: serving.invoke(name, "slow")["Body"]["word"])
        serving.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
        loading.result()
        assert slow.result() in {"before", "after"}
    assert words[0] == "before"
    assert {serving.invoke(name)["Body"]["word"] for _ in range(20)} == {"after"}
    assert serving.settled(name)["EndpointConfigName"] == config
    serving.delete(name)


def test_a_failed_update_is_rolled_back(serving: Serving) -> None:
    """Protects: an endpoint whose new variants fail goes on with the old ones, and says why."""
    config = serving.config(("works", 1.0))
    name = serving.endpoint(config)
    serving.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=serving.config(("broken", 1.0)))
    with refusal("ValidationException", "Cannot update in-progress endpoint"):
        serving.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
    described = eventually(
        lambda: next((one for one in [serving.settled(name)] if one["EndpointStatus"] == "InService"), None)
    )
    assert described["EndpointConfigName"] == config
    assert "variant broken did not pass the ping health check" in described["FailureReason"]
    assert serving.invoke(name)["Body"]["word"] == "works"
    serving.delete(name)


def test_a_failed_create_says_why_and_can_only_be_deleted(serving: Serving) -> None:
    """Protects: Failed with its reason and the container's log, never InService."""
    config = serving.config(("broken", 1.0))
    name = serving.aws.name("endpoint")
    serving.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    described = serving.settled(name)
    assert described["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in described["FailureReason"]
    with refusal("ValidationException", "can only be deleted"):
        serving.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
    logs = serving.aws.client("logs")
    group = f"/aws/sagemaker/Endpoints/{name}"
    stream = logs.describe_log_streams(logGroupName=group)["logStreams"][0]["logStreamName"]
    assert stream.startswith("broken/i-")
    events = logs.get_log_events(logGroupName=group, logStreamName=stream)["events"]
    assert "the model is broken" in [event["message"] for event in events]
    serving.delete(name)


def test_a_model_without_its_artifact_is_refused_or_fails(serving: Serving) -> None:
    """Protects: no endpoint comes to be InService without the artifact that it is to serve."""
    with refusal("ValidationException", "Could not find model data"):
        serving.sagemaker.create_model(
            ModelName=serving.aws.name("model"),
            ExecutionRoleArn=serving.ground.role,
            PrimaryContainer={
                "Image": serving.ground.image,
                "ModelDataUrl": f"s3://{serving.ground.bucket}/none.tar.gz",
            },
        )
    config = serving.config(("gone", 1.0))
    model = serving.sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"][0]["ModelName"]
    url = serving.sagemaker.describe_model(ModelName=model)["PrimaryContainer"]["ModelDataUrl"]
    bucket, key = url.removeprefix("s3://").split("/", 1)
    serving.aws.client("s3").delete_object(Bucket=bucket, Key=key)
    name = serving.aws.name("endpoint")
    serving.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    described = serving.settled(name)
    assert described["EndpointStatus"] == "Failed"
    assert "Failed to download model data" in described["FailureReason"]
    serving.delete(name)


@pytest.mark.parametrize(("status", "side"), [(400, "client"), (503, "server")])
def test_a_models_error_reaches_the_caller(serving: Serving, status: int, side: str) -> None:
    """Protects: the vendor's ModelError, with the container's own status and message."""
    name = serving.endpoint(serving.config(("only", 1.0)))
    with refusal("ModelError", f"Received {side} error ({status}) from primary", name) as raised:
        serving.invoke(name, str(status))
    assert raised.value.response["OriginalStatusCode"] == status
    assert json.loads(raised.value.response["OriginalMessage"])["word"] == "only"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 424
    serving.delete(name)


def test_what_an_endpoint_is_asked_is_captured(serving: Serving) -> None:
    """Protects: captured files lie and read as the vendor's do, joined to the caller by the inference id."""
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{serving.ground.bucket}/capture",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    }
    name = serving.endpoint(serving.config(("only", 1.0), DataCaptureConfig=capture))
    assert serving.sagemaker.describe_endpoint(EndpointName=name)["DataCaptureConfig"]["CaptureStatus"] == "Started"
    serving.invoke(name, '{"instances": []}', InferenceId="event-7")
    key = eventually(lambda: serving.ground.keys(f"capture/{name}/"))[0]
    hour = datetime.now(UTC)
    folders = {f"capture/{name}/only/{moment:%Y/%m/%d/%H}" for moment in (hour, hour - timedelta(hours=1))}
    assert key.rsplit("/", 1)[0] in folders
    line = json.loads(serving.ground.text(key))
    assert line["eventMetadata"]["inferenceId"] == "event-7"
    taken = line["captureData"]["endpointInput"]
    assert (taken["mode"], taken["encoding"], taken["data"]) == ("INPUT", "JSON", '{"instances": []}')
    assert json.loads(line["captureData"]["endpointOutput"]["data"])["word"] == "only"
    serving.delete(name)


def test_invocations_are_measured(serving: Serving) -> None:
    """Protects: what alarms watch: invocations, errors by kind, latencies in microseconds."""
    name = serving.endpoint(serving.config(("only", 1.0)))
    for body in ("a", "b", "slow"):
        serving.invoke(name, body)
    for status in ("404", "500"):
        with refusal("ModelError"):
            serving.invoke(name, status)
    cloudwatch = serving.aws.client("cloudwatch")

    def total(metric: str, statistic: str = "Sum") -> float:
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=metric,
            Dimensions=[{"Name": "EndpointName", "Value": name}, {"Name": "VariantName", "Value": "only"}],
            StartTime=datetime.now(UTC) - timedelta(minutes=10),
            EndTime=datetime.now(UTC) + timedelta(minutes=10),
            Period=1200,
            Statistics=[statistic],
        )["Datapoints"]
        return float(sum(point[statistic] for point in points))

    eventually(lambda: total("Invocations") == 5)
    assert (total("Invocation4XXErrors"), total("Invocation5XXErrors")) == (1, 1)
    assert total("ModelLatency", "Maximum") > 400_000
    serving.delete(name)


def test_a_model_server_that_dies_is_started_again(serving: Serving) -> None:
    """Protects: a crash costs the requests of that moment, not the endpoint."""
    name = serving.endpoint(serving.config(("only", 1.0)))
    with refusal("ModelError", "Received server error (500)"):
        serving.invoke(name, "die")
    assert serving.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService"

    def answered() -> bool:
        try:
            return bool(serving.invoke(name)["Body"]["word"] == "only")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ModelError":
                raise
            return False

    eventually(answered)
    serving.delete(name)


def test_a_package_serves_with_the_models_own_environment(serving: Serving) -> None:
    """Protects: a registered version is deployed by its package alone."""
    group = serving.aws.name("group")
    serving.sagemaker.create_model_package_group(ModelPackageGroupName=group)
    arn = serving.sagemaker.create_model_package(
        ModelPackageGroupName=group,
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [{"Image": serving.ground.image, "ModelDataUrl": serving.artifact(word="packed")}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )["ModelPackageArn"]
    model, config = serving.aws.name("model"), serving.aws.name("config")
    serving.sagemaker.create_model(
        ModelName=model,
        ExecutionRoleArn=serving.ground.role,
        PrimaryContainer={"ModelPackageName": arn, "Environment": {"OWN": "version-1"}},
    )
    variant = {"VariantName": "v", "ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    serving.sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[variant])
    name = serving.endpoint(config)
    body = serving.invoke(name)["Body"]
    assert (body["word"], body["environment"]) == ("packed", {"OWN": "version-1"})
    serving.delete(name)


@pytest.fixture
def faults(serving: Serving) -> Iterator[Path]:
    """The file by which faults are asked for."""
    path = Path(serving.aws.cloud.log_path).parents[1] / "faults.toml"
    yield path
    path.unlink(missing_ok=True)


def test_a_fault_is_injected_by_the_table(serving: Serving, faults: Path) -> None:
    """Protects: tests of others can make any transition slow or failing, by a file in the cloud's home."""
    config = serving.config(("only", 1.0))
    name = serving.aws.name("faulty")
    faults.write_text(f'[[fault]]\nmachine="endpoint"\naction="create"\nname="{name}"\nreason="no capacity"\n')
    serving.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    described = serving.settled(name)
    assert (described["EndpointStatus"], described["FailureReason"]) == ("Failed", "no capacity")
    serving.delete(name)


def test_a_rollback_can_be_made_to_last(serving: Serving, faults: Path) -> None:
    """Protects: RollingBack is seen with its reason, as providers meet it, while the old variant serves."""
    name = serving.endpoint(serving.config(("old", 1.0)))
    faults.write_text(
        f'[[fault]]\nmachine="endpoint"\naction="update"\nname="{name}"\nreason="no capacity"\n'
        f'[[fault]]\nmachine="endpoint"\naction="rollback"\nname="{name}"\nheld=true\n'
    )
    serving.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=serving.config(("new", 1.0)))

    def rolling_back() -> Any:
        described = serving.sagemaker.describe_endpoint(EndpointName=name)
        return described if described["EndpointStatus"] == "RollingBack" else None

    assert eventually(rolling_back)["FailureReason"] == "no capacity"
    assert serving.invoke(name)["Body"]["word"] == "old"
    faults.unlink()
    assert serving.settled(name)["EndpointStatus"] == "InService"
    serving.delete(name)


def test_names_that_are_taken_or_missing_are_refused_in_the_vendors_words(serving: Serving) -> None:
    """Protects: the words by which providers tell "gone" and "exists" from other errors."""
    sagemaker, config = serving.sagemaker, serving.config(("only", 1.0))
    settings = sagemaker.describe_endpoint_config(EndpointConfigName=config)
    with refusal("ValidationException", "Cannot create already existing endpoint configuration"):
        sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=settings["ProductionVariants"])
    with refusal("ValidationException", "Could not find endpoint configuration"):
        sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="none-such")
    with refusal("ValidationException", "Could not find endpoint configuration"):
        sagemaker.delete_endpoint_config(EndpointConfigName="none-such")
    with refusal("ValidationException", "Could not find model"):
        sagemaker.describe_model(ModelName="none-such")
    with refusal("ValidationException", "Could not find endpoint"):
        sagemaker.delete_endpoint(EndpointName="none-such")
