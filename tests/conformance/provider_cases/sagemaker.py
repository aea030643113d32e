"""SageMaker; endpoints serve and training jobs run, with a tiny image."""

import json
from collections.abc import Callable

from tests.conformance.provider_cases import Args, Case
from tests.conformance.provider_cases.world import World
from tests.localcloud.endpoint_ground import WAIT, eventually

TOKENS = (
    "aws:sagemaker/model:Model",
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration",
    "aws:sagemaker/endpoint:Endpoint",
    "aws:sagemaker/modelPackageGroup:ModelPackageGroup",
    "aws:sagemaker/pipeline:Pipeline",
    "aws:sagemaker/mlflowApp:MlflowApp",
    "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer",
    "aws:sagemaker/trainingJob:TrainingJob",
)


def cases(world: World) -> list[Case]:
    return [
        _model(world),
        _endpoint_configuration(world),
        _endpoint(world),
        _group(world),
        _pipeline(world),
        _app(world),
        _server(world),
        _training(world),
    ]


def _tag(world: World, out: Args) -> None:
    world.client("sagemaker").add_tags(ResourceArn=out["arn"], Tags=[{"Key": "by-hand", "Value": "yes"}])


def _settled(status: Callable[[], str]) -> None:
    """Wait for a server of MLflow, which takes long to start on a busy machine."""
    assert eventually(lambda: status() in ("Updated", "Created"), attempts=4000)


def _model(world: World) -> Case:
    ground = world.serving.ground
    container = {
        "image": ground.image,
        "modelDataUrl": world.serving.artifact(word="first"),
        "environment": {"STILE_MODEL": "flights"},
    }
    return Case(
        "aws:sagemaker/model:Model",
        args={"executionRoleArn": ground.role, "primaryContainer": container, "tags": {"a": "b"}},
        change={"tags": {"a": "c"}},
        replace={"primaryContainer": {**container, "environment": {"STILE_MODEL": "other"}}},
        drift=_tag,
        drifts="tags",
    )


def _endpoint_configuration(world: World) -> Case:
    variant = {
        "variantName": "live",
        "modelName": world.serving.model(word="live"),
        "instanceType": "ml.m5.large",
        "initialInstanceCount": 1,
    }
    capture = {
        "enableCapture": True,
        "initialSamplingPercentage": 100,
        "destinationS3Uri": f"s3://{world.serving.ground.bucket}/capture",
        "captureOptions": [{"captureMode": "Input"}, {"captureMode": "Output"}],
        "captureContentTypeHeader": {"jsonContentTypes": ["application/json"]},
    }
    return Case(
        "aws:sagemaker/endpointConfiguration:EndpointConfiguration",
        args={"productionVariants": [variant], "dataCaptureConfig": capture, "tags": {"a": "b"}},
        change={"tags": {"a": "c"}},
        replace={"productionVariants": [{**variant, "initialVariantWeight": 0.5}]},
        drift=_tag,
        drifts="tags",
    )


def _endpoint(world: World) -> Case:
    first, second = (world.serving.config((word, 1.0)) for word in ("first", "second"))

    def back(world: World, out: Args) -> None:
        sagemaker = world.client("sagemaker")
        sagemaker.update_endpoint(EndpointName=out["name"], EndpointConfigName=first)
        sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=out["name"], WaiterConfig=WAIT)

    return Case(
        "aws:sagemaker/endpoint:Endpoint",
        args={"endpointConfigName": first, "tags": {"a": "b"}},
        change={"endpointConfigName": second},
        replace={"name": world.aws.name("renamed")},
        drift=back,
        drifts="endpointConfigName",
    )


def _group(world: World) -> Case:
    return Case(
        "aws:sagemaker/modelPackageGroup:ModelPackageGroup",
        args={
            "modelPackageGroupName": world.aws.name("group"),
            "modelPackageGroupDescription": "models of flights",
            "tags": {"a": "b"},
        },
        change={"tags": {"a": "c"}},
        replace={"modelPackageGroupName": world.aws.name("renamed")},
        drift=_tag,
        drifts="tags",
    )


def _pipeline(world: World) -> Case:
    ground = world.serving.ground
    return Case(
        "aws:sagemaker/pipeline:Pipeline",
        args={
            "pipelineName": world.aws.name("pipeline"),
            "pipelineDisplayName": "flights",
            "pipelineDefinition": _definition(world, 60),
            "roleArn": ground.role,
            "tags": {"a": "b"},
        },
        change={"pipelineDefinition": _definition(world, 120), "pipelineDescription": "with more time"},
        replace={"pipelineName": world.aws.name("renamed")},
        drift=lambda world, out: world.client("sagemaker").update_pipeline(
            PipelineName=out["pipelineName"], PipelineDescription="by hand"
        ),
        drifts="pipelineDescription",
    )


def _definition(world: World, seconds: int) -> str:
    ground = world.serving.ground
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
    arguments = {
        "RoleArn": ground.role,
        "AppSpecification": {"ImageUri": ground.image},
        "ProcessingResources": {"ClusterConfig": cluster},
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds},
    }
    step = {"Name": "ingest", "Type": "Processing", "Arguments": arguments}
    return json.dumps({"Version": "2020-12-01", "Steps": [step]})


def _app(world: World) -> Case:
    ground = world.serving.ground

    def restore(world: World, out: Args) -> None:
        sagemaker = world.client("sagemaker")
        sagemaker.update_mlflow_app(Arn=out["arn"], ArtifactStoreUri=f"s3://{ground.bucket}/by-hand")
        _settled(lambda: sagemaker.describe_mlflow_app(Arn=out["arn"])["Status"])

    return Case(
        "aws:sagemaker/mlflowApp:MlflowApp",
        args={"artifactStoreUri": f"s3://{ground.bucket}/mlflow", "roleArn": ground.role, "tags": {"a": "b"}},
        change={"artifactStoreUri": f"s3://{ground.bucket}/other"},
        replace={"roleArn": world.role_arn(world.role)},
        drift=restore,
        drifts="artifactStoreUri",
    )


def _server(world: World) -> Case:
    ground = world.serving.ground

    def restore(world: World, out: Args) -> None:
        sagemaker, name = world.client("sagemaker"), out["trackingServerName"]
        sagemaker.update_mlflow_tracking_server(TrackingServerName=name, ArtifactStoreUri=f"s3://{ground.bucket}/hand")
        describe = sagemaker.describe_mlflow_tracking_server
        _settled(lambda: describe(TrackingServerName=name)["TrackingServerStatus"])

    return Case(
        "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer",
        args={
            "trackingServerName": world.aws.name("server"),
            "artifactStoreUri": f"s3://{ground.bucket}/mlflow",
            "roleArn": ground.role,
            "tags": {"a": "b"},
        },
        change={"trackingServerSize": "Medium"},
        replace={"trackingServerName": world.aws.name("renamed")},
        drift=restore,
        drifts="artifactStoreUri",
    )


def _training(world: World) -> Case:
    ground = world.serving.ground
    return Case(
        "aws:sagemaker/trainingJob:TrainingJob",
        args={
            "trainingJobName": world.aws.name("training"),
            "roleArn": ground.role,
            "algorithmSpecification": {"trainingImage": ground.image, "trainingInputMode": "File"},
            "outputDataConfig": {"s3OutputPath": f"s3://{ground.bucket}/trained"},
            "resourceConfig": {"instanceType": "ml.m5.large", "instanceCount": 1, "volumeSizeInGb": 5},
            "stoppingCondition": {"maxRuntimeInSeconds": 60},
            "hyperParameters": {"seed": "7"},
            "tags": {"a": "b"},
        },
        change={"tags": {"a": "c"}},
        replace={"trainingJobName": world.aws.name("renamed")},
        drift=_tag,
        drifts="tags",
        lacking=world.lacks("sagemaker", "delete_training_job", TrainingJobName="no-such-job"),
    )
