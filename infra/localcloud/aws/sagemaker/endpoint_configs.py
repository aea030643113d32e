"""Endpoint configurations: which models an endpoint serves, with which weights, and what it captures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localstack.aws.api import RequestContext

from infra.localcloud.aws.arns import sagemaker_arn
from infra.localcloud.aws.failures import validation
from infra.localcloud.aws.operations import Operations, Request, Response
from infra.localcloud.aws.paging import Listing
from infra.localcloud.aws.records import Record
from infra.localcloud.aws.sagemaker.job_records import echo, refuse_unsupported
from infra.localcloud.aws.sagemaker.store import SageMakerStore, store

DESCRIBED = ("KmsKeyId", "DataCaptureConfig", "ExecutionRoleArn", "VpcConfig", "MetricsConfig")
DEFAULT_WEIGHT = 1.0
NOT_EMULATED = {
    "AsyncInferenceConfig": "Asynchronous inference",
    "ShadowProductionVariants": "Shadow variants",
    "ExplainerConfig": "Online explanations",
}


@dataclass(kw_only=True)
class EndpointConfig(Record):
    """An endpoint configuration, its request as it came with the vendor's defaults filled in."""

    request: Mapping[str, Any]

    @property
    def variants(self) -> list[dict[str, Any]]:
        """The production variants."""
        found: list[dict[str, Any]] = self.request["ProductionVariants"]
        return found


def create_endpoint_config(context: RequestContext, request: Request) -> Response:
    """CreateEndpointConfig: every variant's model must exist."""
    refuse_unsupported({title: bool(request.get(member)) for member, title in NOT_EMULATED.items()})
    records = store(context)
    name = request["EndpointConfigName"]
    variants = [_checked(context, records, variant) for variant in request["ProductionVariants"]]
    if len({variant["VariantName"] for variant in variants}) < len(variants):
        raise validation("Variant names must be unique within an endpoint configuration.")
    if sum(variant["InitialVariantWeight"] for variant in variants) <= 0:
        raise validation("The sum of the variants' weights must be greater than 0.")
    config = EndpointConfig(
        name=name,
        arn=sagemaker_arn(context, "endpoint-config", name),
        request={**request, "ProductionVariants": variants},
    )
    records.tags.check(request.get("Tags"))
    records.endpoint_configs.add(config)
    records.tags.begin(config.arn, request.get("Tags"))
    return {"EndpointConfigArn": config.arn}


def _checked(context: RequestContext, records: SageMakerStore, variant: Mapping[str, Any]) -> dict[str, Any]:
    name = variant.get("ModelName")
    if name is None:
        raise NotImplementedError("Variants of inference components are not implemented in the local cloud.")
    records.models.get(name, named=sagemaker_arn(context, "model", name))
    serverless = variant.get("ServerlessConfig")
    if not serverless and not (variant.get("InstanceType") and variant.get("InitialInstanceCount")):
        raise validation(
            f"Production variant {variant['VariantName']} needs InstanceType and InitialInstanceCount, "
            "or a ServerlessConfig."
        )
    weight = variant.get("InitialVariantWeight")
    return {**variant, "InitialVariantWeight": DEFAULT_WEIGHT if weight is None else weight}


def describe_endpoint_config(context: RequestContext, request: Request) -> Response:
    """DescribeEndpointConfig."""
    config = named_config(context, request["EndpointConfigName"])
    answer = {
        "EndpointConfigName": config.name,
        "EndpointConfigArn": config.arn,
        "ProductionVariants": config.variants,
        "CreationTime": config.created,
        "EnableNetworkIsolation": bool(config.request.get("EnableNetworkIsolation")),
    }
    return answer | echo(config.request, DESCRIBED)


def delete_endpoint_config(context: RequestContext, request: Request) -> Response:
    """DeleteEndpointConfig; the vendor lets one in use be deleted, and so do we."""
    records = store(context)
    config = named_config(context, request["EndpointConfigName"])
    records.endpoint_configs.remove(config.name, named=config.arn)
    records.tags.end(config.arn)
    return {}


LISTING: Listing[EndpointConfig] = Listing(
    summary=lambda config: {
        "EndpointConfigName": config.name,
        "EndpointConfigArn": config.arn,
        "CreationTime": config.created,
    },
    key="EndpointConfigs",
)


def list_endpoint_configs(context: RequestContext, request: Request) -> Response:
    """ListEndpointConfigs."""
    return LISTING.page(store(context).endpoint_configs.all(), request)


def named_config(context: RequestContext, name: str) -> EndpointConfig:
    """Return a configuration; raises the vendor's error for one that does not exist."""
    found: EndpointConfig = store(context).endpoint_configs.get(
        name, named=sagemaker_arn(context, "endpoint-config", name)
    )
    return found


OPERATIONS: Operations = {
    "CreateEndpointConfig": create_endpoint_config,
    "DeleteEndpointConfig": delete_endpoint_config,
    "DescribeEndpointConfig": describe_endpoint_config,
    "ListEndpointConfigs": list_endpoint_configs,
}
