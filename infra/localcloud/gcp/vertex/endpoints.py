"""Vertex AI's endpoints: models are deployed to them, get shares of their traffic, and are undeployed."""

import re
import secrets
from pathlib import Path
from typing import Any

from infra.localcloud.gcp import moments, states
from infra.localcloud.gcp.call import Call, Cloud
from infra.localcloud.gcp.errors import Json, Refusal, invalid, precondition
from infra.localcloud.gcp.masks import paths, updated
from infra.localcloud.gcp.operations import Operation, Outcome
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.store import Record
from infra.localcloud.gcp.vertex.job_cloud import check_account
from infra.localcloud.gcp.vertex.job_logs import serving_log
from infra.localcloud.gcp.vertex.keys import check_key, check_same
from infra.localcloud.gcp.vertex.model_records import ENDPOINTS, parts, shown, version_record
from infra.localcloud.gcp.vertex.servers import Servers, ServingPlan, start_server
from infra.localcloud.gcp.vertex.traffic import NEW, check_split
from infra.localcloud.jobs.live_server import LiveServer

SERVICE = Service("aiplatform.v1", section="endpoints", table=Path(__file__).with_name("collections.toml"))
MESSAGES = "GoogleCloudAiplatformV1"
DEPLOYED_MODEL = f"{MESSAGES}DeployedModel"
DEPLOYED_ID = re.compile(r"[0-9]{1,10}")
# The server's own.
OUTPUTS = ("createTime", "modelVersionId", "privateEndpoints", "status")
# The only fields that mutateDeployedModel changes, of those that are kept here.
# Source: MutateDeployedModelRequest in the discovery document.
MUTABLE = (
    ("dedicatedResources", "minReplicaCount"),
    ("dedicatedResources", "maxReplicaCount"),
    ("dedicatedResources", "requiredReplicaCount"),
    ("dedicatedResources", "autoscalingMetricSpecs"),
    ("disableContainerLogging",),
    ("enableAccessLogging",),
)
Deployed = dict[str, Any]


@SERVICE.method(f"{ENDPOINTS}.deployModel")
def deploy_model(call: Call) -> Json:
    """Start a model's server; once it is healthy, the model is deployed and the traffic split takes over at once."""
    cloud, name = call.cloud, call.name
    version = version_record(cloud, call.body.get("deployedModel", {}).get("model", ""))
    deployed = _asked(call, version)
    split = dict(call.body.get("trafficSplit", {}))
    with cloud.store.locked():
        endpoint = cloud.store.get(ENDPOINTS, name)
        _refuse_taken(endpoint, deployed["id"])
        check_same(endpoint.body, version.body)
        check_split(split, [*_ids(endpoint), NEW])
        cloud.store.change(ENDPOINTS, name, lambda record: _note_deploying(record, deployed, begun=True))
    final = {deployed["id"] if key == NEW else key: share for key, share in split.items()}

    def work(_: Operation) -> Json:
        try:
            transition.begin()
            return {"deployedModel": _deploy(cloud, name, deployed, version, final)}
        finally:
            cloud.store.change(ENDPOINTS, name, lambda record: _note_deploying(record, deployed, begun=False))

    transition = states.transition("deployment", "deploy", f"{name}/{deployed['id']}")
    outcome = Outcome(f"{MESSAGES}DeployModelResponse")
    return cloud.operations.run(call.method, name, outcome, work, later=True)


def _deploy(cloud: Cloud, name: str, deployed: Deployed, version: Record, split: dict[str, int]) -> Deployed:
    """Start the server, then let the model join the endpoint. The endpoint cannot be deleted meanwhile."""
    words = name.rpartition("/")[2]
    log = serving_log(cloud, name, deployed["id"], deployed["model"].partition("@")[0])
    plan = ServingPlan(version, words, deployed["id"], deployed.get("serviceAccount"))
    server = start_server(cloud, plan, log)
    made = {**deployed, "createTime": moments.now(), "status": {"availableReplicaCount": _replicas(deployed)}}

    def join(record: Record) -> None:
        if split:
            check_split(split, [*_ids(record), deployed["id"]])
            record.body["trafficSplit"] = split
        record.body["deployedModels"] = [*record.body.get("deployedModels", []), made]
        _stamp(record)

    try:
        with cloud.store.locked():
            cloud.store.change(ENDPOINTS, name, join)
            cloud.part(Servers).put(name, deployed["id"], server)
    except BaseException:
        server.retire()
        raise
    return made


@SERVICE.method(f"{ENDPOINTS}.undeployModel")
def undeploy_model(call: Call) -> Json:
    """Let a model leave an endpoint, and end its server once it has answered what it was asked."""
    cloud, name = call.cloud, call.name
    wanted, split = str(call.body.get("deployedModelId", "")), dict(call.body.get("trafficSplit", {}))
    _leaving(cloud.store.get(ENDPOINTS, name), wanted, split)

    def leave(record: Record) -> None:
        record.body["trafficSplit"] = _leaving(record, wanted, split)
        record.body["deployedModels"] = [one for one in record.body["deployedModels"] if one["id"] != wanted]
        for field in ("trafficSplit", "deployedModels"):
            if not record.body[field]:
                del record.body[field]
        _stamp(record)

    def work(_: Operation) -> Json:
        with cloud.store.locked():
            cloud.store.change(ENDPOINTS, name, leave)
            server = cloud.part(Servers).take(name, wanted)
        server.retire()
        return {}

    transition = states.transition("deployment", "undeploy", f"{name}/{wanted}")
    outcome = Outcome(f"{MESSAGES}UndeployModelResponse")
    return cloud.operations.run(call.method, name, outcome, work, transition, later=True)


@SERVICE.method(f"{ENDPOINTS}.mutateDeployedModel")
def mutate_deployed_model(call: Call) -> Json:
    """Change how many replicas a deployed model has, or what it logs; nothing else can be changed."""
    sent = call.body.get("deployedModel", {})
    wanted = str(sent.get("id", ""))
    masked = paths(call.method.document, DEPLOYED_MODEL, str(call.body.get("updateMask", "")))
    if not masked:
        raise invalid("Field 'updateMask' is required.", field="updateMask")
    for path in masked:
        if path not in MUTABLE:
            raise invalid(f"Field '{'.'.join(path)}' of a DeployedModel cannot be mutated.", field="updateMask")
    _deployed(call.cloud.store.get(ENDPOINTS, call.name), wanted)

    def change(record: Record) -> None:
        found = _deployed(record, wanted)
        fresh = updated(found, sent, masked)
        _check_resources(fresh)
        fresh["status"] = {"availableReplicaCount": _replicas(fresh)}
        record.body["deployedModels"] = [fresh if one["id"] == wanted else one for one in record.body["deployedModels"]]
        _stamp(record)

    def work(_: Operation) -> Json:
        return {"deployedModel": _deployed(call.cloud.store.change(ENDPOINTS, call.name, change), wanted)}

    transition = states.transition("deployment", "mutate", f"{call.name}/{wanted}")
    outcome = Outcome(f"{MESSAGES}MutateDeployedModelResponse")
    return call.cloud.operations.run(call.method, call.name, outcome, work, transition)


def held_server(cloud: Cloud, name: str, deployed_model: str) -> LiveServer:
    """Return the server of a deployed model, held for a request. The store must be locked."""
    server = cloud.part(Servers).get(name, deployed_model)
    server.hold()
    return server


def _asked(call: Call, version: Record) -> Deployed:
    """Return the deployed model that a request asks for, complete but for what its deployment brings."""
    sent: Deployed = {key: value for key, value in call.body["deployedModel"].items() if key not in OUTPUTS}
    given = sent.get("id") or str(secrets.randbelow(9 * 10**18) + 10**18)
    if sent.get("id") and not DEPLOYED_ID.fullmatch(given):
        raise invalid(f"Invalid DeployedModel ID '{given}': it must match [0-9]{{1,10}}.", field="deployedModel.id")
    if given == NEW:
        raise invalid("The DeployedModel ID '0' stands for the model being deployed.", field="deployedModel.id")
    _check_resources(sent)
    check_account(call.cloud, sent.get("serviceAccount"))
    model = parts(version.name)[0]
    return {
        "displayName": shown(call.cloud, version)["displayName"],
        **sent,
        "id": given,
        "model": f"{model}@{version.body['versionId']}",
        "modelVersionId": version.body["versionId"],
    }


def _check_resources(deployed: Deployed) -> None:
    resources = deployed.get("dedicatedResources")
    if not resources:
        raise invalid(
            "A custom container is deployed with dedicated_resources; this Model supports no other.",
            field="deployedModel.dedicatedResources",
        )
    if not resources.get("machineSpec", {}).get("machineType"):
        raise invalid("A machine type must be given.", field="deployedModel.dedicatedResources.machineSpec")
    least, most = resources.get("minReplicaCount", 0), resources.get("maxReplicaCount")
    if least < 1:
        raise invalid("min_replica_count must be at least 1.", field="deployedModel.dedicatedResources.minReplicaCount")
    if most is None:
        resources["maxReplicaCount"] = least
    elif most < least:
        raise invalid(
            f"max_replica_count {most} is less than min_replica_count {least}.",
            field="deployedModel.dedicatedResources.maxReplicaCount",
        )


def _refuse_taken(endpoint: Record, wanted: str) -> None:
    if wanted in _ids(endpoint) or wanted in endpoint.hidden.get("deploying", {}):
        raise Refusal("ALREADY_EXISTS", f"The DeployedModel ID {wanted} is already used at {endpoint.name}.")


def _note_deploying(record: Record, deployed: Deployed, *, begun: bool) -> None:
    others = {key: value for key, value in record.hidden.get("deploying", {}).items() if key != deployed["id"]}
    record.hidden["deploying"] = {**others, deployed["id"]: deployed} if begun else others


def _leaving(endpoint: Record, wanted: str, asked: dict[str, int]) -> dict[str, int]:
    """Return the split without a model that is to leave; raises FAILED_PRECONDITION while it has traffic."""
    _deployed(endpoint, wanted)
    others = [one for one in _ids(endpoint) if one != wanted]
    if not others:
        return {}
    split = asked or endpoint.body.get("trafficSplit", {})
    if split.get(wanted):
        raise precondition(
            f"The DeployedModel {wanted} of {endpoint.name} has {split[wanted]}% of the traffic; it can be undeployed "
            "only without traffic, unless it is the last one."
        )
    check_split({key: share for key, share in split.items() if key != wanted}, others)
    return {key: share for key, share in split.items() if key != wanted}


def _deployed(endpoint: Record, wanted: str) -> Deployed:
    for one in endpoint.body.get("deployedModels", []):
        if one["id"] == wanted:
            found: Deployed = one
            return found
    raise Refusal("NOT_FOUND", f"The DeployedModel {wanted} is not found at {endpoint.name}.")


def _ids(endpoint: Record) -> list[str]:
    return [one["id"] for one in endpoint.body.get("deployedModels", [])]


def _replicas(deployed: Deployed) -> int:
    return int(deployed["dedicatedResources"]["minReplicaCount"])


def _stamp(record: Record) -> None:
    record.body["updateTime"] = moments.now()
    record.body["etag"] = secrets.token_urlsafe(8)


def _fill(call: Call, record: Record) -> None:
    check_key(call, record.body)
    if record.body.get("trafficSplit"):
        raise invalid("A new Endpoint has no DeployedModels, and so no traffic split.", field="endpoint.trafficSplit")


def _change(call: Call, before: Record, after: Record) -> None:
    if before.body.get("trafficSplit") == after.body.get("trafficSplit"):
        return
    check_split(after.body.get("trafficSplit", {}), _ids(after))
    # No operation, so it takes no time; but it may fail.
    if fault := states.transition("deployment", "split", after.name).fault:
        raise Refusal("INTERNAL", fault)


def _remove(call: Call, record: Record) -> None:
    ids = [*_ids(record), *record.hidden.get("deploying", {})]
    if ids:
        raise precondition(
            f'Endpoint "{record.name}" has deployed or being-deployed DeployedModel(s): {", ".join(ids)}. '
            "Undeploy them before it is deleted."
        )


SERVICE.hooks("endpoints").filling = _fill
SERVICE.hooks("endpoints").changing = _change
SERVICE.hooks("endpoints").removing = _remove
