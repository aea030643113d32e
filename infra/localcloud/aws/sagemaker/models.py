"""Models: what a container serves, named once and never changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localstack.aws.api import RequestContext

from infra.localcloud.aws.arns import sagemaker_arn
from infra.localcloud.aws.failures import validation
from infra.localcloud.aws.operations import Operations, Request, Response
from infra.localcloud.aws.paging import Listing
from infra.localcloud.aws.records import Record
from infra.localcloud.aws.sagemaker import job_cloud
from infra.localcloud.aws.sagemaker.store import SageMakerStore, store

DESCRIBED = ("ExecutionRoleArn", "VpcConfig", "InferenceExecutionConfig")


@dataclass(kw_only=True)
class Model(Record):
    """A model, its request as it came."""

    request: Mapping[str, Any]

    @property
    def container(self) -> Mapping[str, Any]:
        """The one container's definition."""
        found: Mapping[str, Any] = self.request.get("PrimaryContainer") or self.request["Containers"][0]
        return found

    @property
    def role(self) -> str:
        """The role under which it serves."""
        return str(self.request["ExecutionRoleArn"])


@dataclass(frozen=True)
class Serving:
    """What a variant of a model runs: the image, its artifact's URI if it has one, and its environment."""

    image: str
    model_data_url: str | None
    environment: Mapping[str, str]


def serving(records: SageMakerStore, model: Model) -> Serving:
    """Resolve a model to what runs; a model package's container is joined with the model's own environment."""
    own = model.container
    environment = dict(own.get("Environment") or {})
    if "ModelPackageName" not in own:
        return Serving(own["Image"], _data_url(own), environment)
    package = records.packages.get(own["ModelPackageName"])
    packed = package.request["InferenceSpecification"]["Containers"][0]
    return Serving(packed["Image"], _data_url(packed), {**(packed.get("Environment") or {}), **environment})


def _data_url(container: Mapping[str, Any]) -> str | None:
    source = (container.get("ModelDataSource") or {}).get("S3DataSource")
    if source is None:
        return container.get("ModelDataUrl")
    if (source.get("S3DataType"), source.get("CompressionType")) != ("S3Object", "Gzip"):
        raise NotImplementedError("Uncompressed model data sources are not implemented in the local cloud.")
    return str(source["S3Uri"])


def create_model(context: RequestContext, request: Request) -> Response:
    """CreateModel: the role must trust SageMaker, and image, artifact or package must exist."""
    _check_containers(request)
    records = store(context)
    role = request.get("ExecutionRoleArn")
    if role is None:
        raise validation("ExecutionRoleArn is required for this model.")
    job_cloud.check_role(role, context.region)
    model = Model(
        name=request["ModelName"], arn=sagemaker_arn(context, "model", request["ModelName"]), request=dict(request)
    )
    served = serving(records, model)
    job_cloud.check_image(served.image)
    if served.model_data_url is not None:
        _check_artifact(served.model_data_url, context.region)
    records.tags.check(request.get("Tags"))
    records.models.add(model)
    records.tags.begin(model.arn, request.get("Tags"))
    return {"ModelArn": model.arn}


def _check_containers(request: Request) -> None:
    primary, several = request.get("PrimaryContainer"), request.get("Containers") or []
    if bool(primary) == bool(several):
        raise validation("Exactly one of PrimaryContainer and Containers must be given.")
    if len(several) > 1:
        raise NotImplementedError("Models of several containers are not implemented in the local cloud.")
    container = primary or several[0]
    if ("Image" in container) == ("ModelPackageName" in container):
        raise validation("Exactly one of Image and ModelPackageName must be given for a container.")
    if container.get("Mode", "SingleModel") != "SingleModel":
        raise NotImplementedError("Containers of several models are not implemented in the local cloud.")


def _check_artifact(uri: str, region: str) -> None:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    client = job_cloud.own_client("s3", region)
    try:
        client.head_object(Bucket=bucket, Key=key)
    except client.exceptions.ClientError as error:
        raise validation(f"Could not find model data at {uri}.") from error


def describe_model(context: RequestContext, request: Request) -> Response:
    """DescribeModel."""
    model = _named(context, request)
    answer: dict[str, Any] = {
        "ModelName": model.name,
        "ModelArn": model.arn,
        "CreationTime": model.created,
        "EnableNetworkIsolation": bool(model.request.get("EnableNetworkIsolation")),
    }
    if primary := model.request.get("PrimaryContainer"):
        answer["PrimaryContainer"] = {"Mode": "SingleModel", **primary}
    else:
        answer["Containers"] = [{"Mode": "SingleModel", **one} for one in model.request["Containers"]]
    return answer | {member: model.request[member] for member in DESCRIBED if member in model.request}


def delete_model(context: RequestContext, request: Request) -> Response:
    """DeleteModel; endpoints that serve it already keep doing so."""
    records = store(context)
    model = records.models.remove(request["ModelName"], named=sagemaker_arn(context, "model", request["ModelName"]))
    records.tags.end(model.arn)
    return {}


LISTING: Listing[Model] = Listing(
    summary=lambda model: {"ModelName": model.name, "ModelArn": model.arn, "CreationTime": model.created},
    key="Models",
)


def list_models(context: RequestContext, request: Request) -> Response:
    """ListModels."""
    return LISTING.page(store(context).models.all(), request)


def _named(context: RequestContext, request: Request) -> Model:
    name = request["ModelName"]
    found: Model = store(context).models.get(name, named=sagemaker_arn(context, "model", name))
    return found


OPERATIONS: Operations = {
    "CreateModel": create_model,
    "DeleteModel": delete_model,
    "DescribeModel": describe_model,
    "ListModels": list_models,
}
