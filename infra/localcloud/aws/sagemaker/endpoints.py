"""Endpoints: created, updated without a gap, rolled back when the new variants fail, deleted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from localstack.aws.api import RequestContext

from infra.localcloud.aws.arns import sagemaker_arn
from infra.localcloud.aws.failures import validation
from infra.localcloud.aws.operations import Operations, Request, Response
from infra.localcloud.aws.paging import Listing
from infra.localcloud.aws.records import Record, now
from infra.localcloud.aws.sagemaker.endpoint_configs import EndpointConfig, named_config
from infra.localcloud.aws.sagemaker.fleets import Fleet, LiveVariant, VariantPlan, start_fleet
from infra.localcloud.aws.sagemaker.models import serving
from infra.localcloud.aws.sagemaker.store import SageMakerStore, store
from infra.localcloud.aws.states import transition

MACHINE = "endpoint"
IN_SERVICE = "InService"


@dataclass(kw_only=True)
class Endpoint(Record):
    """An endpoint. Changed under the lock of the endpoints' records only.

    Attributes:
        config: the configuration that is live; kept whole, since it may be deleted.
        fleet: the variants that serve; None before they first do.
        pending: the configuration that an update goes to.
    """

    region: str
    config: EndpointConfig
    status: str
    fleet: Fleet | None = None
    pending: EndpointConfig | None = None
    pending_since: datetime | None = None
    reason: str | None = None
    deployment: Mapping[str, Any] | None = None

    def enter(self, status: str, reason: str | None = None) -> None:
        """Note a status, and the reason if it is a failure's."""
        self.status = status
        self.reason = reason
        self.touch()


def create_endpoint(context: RequestContext, request: Request) -> Response:
    """CreateEndpoint: starts a model server per variant."""
    _refuse_unsupported(request)
    records, name = store(context), request["EndpointName"]
    config = named_config(context, request["EndpointConfigName"])
    creation = transition(MACHINE, "create", name)
    records.tags.check(request.get("Tags"))
    endpoint = Endpoint(
        name=name,
        arn=sagemaker_arn(context, "endpoint", name),
        region=context.region,
        config=config,
        status=creation.during,
        deployment=request.get("DeploymentConfig"),
    )
    records.endpoints.add(endpoint)
    records.tags.begin(endpoint.arn, request.get("Tags"))

    def work() -> None:
        endpoint.fleet = start_fleet(name, _plans(records, context, config), context.region)

    creation.run(work, endpoint.enter)
    return {"EndpointArn": endpoint.arn}


def update_endpoint(context: RequestContext, request: Request) -> Response:
    """UpdateEndpoint: the old variants serve until the new ones are healthy, and go on if those fail."""
    _refuse_unsupported(request)
    records = store(context)
    config = named_config(context, request["EndpointConfigName"])
    with records.endpoints.locked():
        endpoint = _steady(context, request["EndpointName"])
        # The vendor refuses an update whose old configuration was deleted (terraform-provider-aws#40048).
        named_config(context, endpoint.config.name)
        update = transition(MACHINE, "update", endpoint.name)
        endpoint.enter(update.during)
        endpoint.pending, endpoint.pending_since = config, now()
        endpoint.deployment = request.get("DeploymentConfig") or endpoint.deployment

    def work() -> None:
        fleet = start_fleet(endpoint.name, _plans(records, context, config), context.region)
        if request.get("RetainAllVariantProperties"):
            _retain(endpoint, fleet)
        with records.endpoints.locked():
            old, endpoint.fleet, endpoint.config = endpoint.fleet, fleet, config
        if old is not None:
            old.retire()

    def ended(status: str, reason: str | None) -> None:
        endpoint.pending = endpoint.pending_since = None
        if reason is None:
            endpoint.enter(status)
        else:
            _roll_back(endpoint, reason)

    update.run(work, ended)
    return {"EndpointArn": endpoint.arn}


def _roll_back(endpoint: Endpoint, reason: str) -> None:
    """The old variants have served all the time; what is emulated is that the vendor shows it for a while."""
    back = transition(MACHINE, "rollback", endpoint.name)
    endpoint.enter(back.during, reason)
    back.run(lambda: None, lambda status, failure: endpoint.enter(status, failure or reason))


def update_weights(context: RequestContext, request: Request) -> Response:
    """UpdateEndpointWeightsAndCapacities."""
    records = store(context)
    with records.endpoints.locked():
        endpoint = _steady(context, request["EndpointName"])
        live = {variant.plan.name: variant for variant in endpoint.fleet.variants} if endpoint.fleet else {}
        wanted = {one["VariantName"]: one for one in request["DesiredWeightsAndCapacities"]}
        if unknown := set(wanted) - set(live):
            raise validation(f'The variant(s) "{", ".join(sorted(unknown))}" do not exist within "{endpoint.arn}".')
        weights = {name: wanted.get(name, {}).get("DesiredWeight", one.weight) for name, one in live.items()}
        if sum(weights.values()) <= 0:
            raise validation("The sum of the variants' weights must be greater than 0.")
        for name, variant in live.items():
            variant.weight = weights[name]
            variant.instances = wanted.get(name, {}).get("DesiredInstanceCount") or variant.instances
        change = transition(MACHINE, "reweigh", endpoint.name)
        endpoint.enter(change.during)
    change.run(lambda: None, endpoint.enter)
    return {"EndpointArn": endpoint.arn}


def delete_endpoint(context: RequestContext, request: Request) -> Response:
    """DeleteEndpoint: its servers end when they have answered what they were asked."""
    records = store(context)
    with records.endpoints.locked():
        endpoint = _settled(context, request["EndpointName"])
        deletion = transition(MACHINE, "delete", endpoint.name)
        endpoint.enter(deletion.during)

    def work() -> None:
        if endpoint.fleet is not None:
            endpoint.fleet.retire()
        records.tags.end(endpoint.arn)
        records.endpoints.remove(endpoint.name)

    deletion.run(work, endpoint.enter)
    return {}


def describe_endpoint(context: RequestContext, request: Request) -> Response:
    """DescribeEndpoint."""
    endpoint = named_endpoint(context, request["EndpointName"])
    with store(context).endpoints.locked():
        answer: dict[str, Any] = {
            "EndpointName": endpoint.name,
            "EndpointArn": endpoint.arn,
            "EndpointConfigName": endpoint.config.name,
            "EndpointStatus": endpoint.status,
            "CreationTime": endpoint.created,
            "LastModifiedTime": endpoint.modified,
        }
        optional = {
            "FailureReason": endpoint.reason,
            "LastDeploymentConfig": endpoint.deployment,
            "DataCaptureConfig": _capture(endpoint),
            "ProductionVariants": _variants(endpoint.fleet),
            "PendingDeploymentSummary": _pending(endpoint),
        }
    return answer | {member: value for member, value in optional.items() if value}


def _capture(endpoint: Endpoint) -> dict[str, Any] | None:
    asked = endpoint.config.request.get("DataCaptureConfig")
    if not asked:
        return None
    enabled = bool(asked.get("EnableCapture"))
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled and endpoint.fleet else "Stopped",
        "CurrentSamplingPercentage": asked["InitialSamplingPercentage"],
        "DestinationS3Uri": asked["DestinationS3Uri"],
        "KmsKeyId": asked.get("KmsKeyId", ""),
    }


def _variants(fleet: Fleet | None) -> list[dict[str, Any]]:
    return [_variant(variant) for variant in fleet.variants] if fleet else []


def _variant(variant: LiveVariant) -> dict[str, Any]:
    image = variant.plan.serving.image
    answer = {
        "VariantName": variant.plan.name,
        "DeployedImages": [
            {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": variant.started},
        ],
        "CurrentWeight": variant.weight,
        "DesiredWeight": variant.weight,
    }
    if serverless := variant.plan.settings.get("ServerlessConfig"):
        return answer | {"CurrentServerlessConfig": serverless, "DesiredServerlessConfig": serverless}
    return answer | {"CurrentInstanceCount": variant.instances, "DesiredInstanceCount": variant.instances}


def _pending(endpoint: Endpoint) -> dict[str, Any] | None:
    if endpoint.pending is None:
        return None
    variants = [
        {
            "VariantName": variant["VariantName"],
            "DesiredWeight": variant["InitialVariantWeight"],
            "VariantStatus": [{"Status": "Creating", "StartTime": endpoint.pending_since}],
        }
        for variant in endpoint.pending.variants
    ]
    return {
        "EndpointConfigName": endpoint.pending.name,
        "ProductionVariants": variants,
        "StartTime": endpoint.pending_since,
    }


def _summary(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "CreationTime": endpoint.created,
        "LastModifiedTime": endpoint.modified,
        "EndpointStatus": endpoint.status,
    }


LISTING: Listing[Endpoint] = Listing(
    summary=_summary,
    key="Endpoints",
    sort_keys={"Status": lambda endpoint: endpoint.status},
    status=lambda endpoint: endpoint.status,
)


def list_endpoints(context: RequestContext, request: Request) -> Response:
    """ListEndpoints."""
    return LISTING.page(store(context).endpoints.all(), request)


def named_endpoint(context: RequestContext, name: str) -> Endpoint:
    """Return an endpoint; raises the vendor's error for one that does not exist."""
    found: Endpoint = store(context).endpoints.get(name, named=sagemaker_arn(context, "endpoint", name))
    return found


def _steady(context: RequestContext, name: str) -> Endpoint:
    """Return an endpoint that may be updated."""
    endpoint = _settled(context, name)
    if endpoint.status != IN_SERVICE:
        raise validation(
            f'Cannot update endpoint "{endpoint.arn}" in status {endpoint.status}; it can only be deleted.'
        )
    return endpoint


def _settled(context: RequestContext, name: str) -> Endpoint:
    """Return an endpoint on which nothing is under way."""
    endpoint = named_endpoint(context, name)
    if endpoint.status not in (IN_SERVICE, "Failed"):
        raise validation(f'Cannot update in-progress endpoint "{endpoint.arn}".')
    return endpoint


def _plans(records: SageMakerStore, context: RequestContext, config: EndpointConfig) -> list[VariantPlan]:
    plans = []
    for variant in config.variants:
        name = variant["ModelName"]
        model = records.models.get(name, named=sagemaker_arn(context, "model", name))
        plans.append(VariantPlan(variant, serving(records, model), model.role))
    return plans


def _retain(endpoint: Endpoint, fleet: Fleet) -> None:
    """Carry weights and counts of the variants that stay over to the new fleet."""
    before = {variant.plan.name: variant for variant in endpoint.fleet.variants} if endpoint.fleet else {}
    for variant in fleet.variants:
        if old := before.get(variant.plan.name):
            variant.weight, variant.instances = old.weight, old.instances


def _refuse_unsupported(request: Request) -> None:
    """Guardrails need instances to shift traffic between; one local process per variant has none."""
    deployment = request.get("DeploymentConfig") or {}
    routing = (deployment.get("BlueGreenUpdatePolicy") or {}).get("TrafficRoutingConfiguration") or {}
    alarms = (deployment.get("AutoRollbackConfiguration") or {}).get("Alarms")
    if routing.get("Type", "ALL_AT_ONCE") != "ALL_AT_ONCE" or deployment.get("RollingUpdatePolicy") or alarms:
        raise NotImplementedError("Deployment guardrails other than ALL_AT_ONCE without alarms are not implemented.")
    if request.get("ExcludeRetainedVariantProperties"):
        raise NotImplementedError("ExcludeRetainedVariantProperties is not implemented in the local cloud.")


OPERATIONS: Operations = {
    "CreateEndpoint": create_endpoint,
    "DeleteEndpoint": delete_endpoint,
    "DescribeEndpoint": describe_endpoint,
    "ListEndpoints": list_endpoints,
    "UpdateEndpoint": update_endpoint,
    "UpdateEndpointWeightsAndCapacities": update_weights,
}
