"""Cloud Run's API: services and their revisions, with the values that Google fills in."""

import uuid

from infra.localcloud.gcp import moments, policies, states
from infra.localcloud.gcp.call import Call
from infra.localcloud.gcp.errors import Json, invalid, precondition
from infra.localcloud.gcp.run.fleet import Fleet
from infra.localcloud.gcp.run.plan import RevisionError
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.store import Record

SERVICE = Service("run.v2", section="run")
MACHINE = "service"
RUNNING = "run.projects.locations.services"
REVISIONS = f"{RUNNING}.revisions"
LATEST = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}
# What the server fills into a template; seen in what the official provider sends back (tests/.../wire.jsonl).
PORT = {"name": "http1", "containerPort": 8080}
PROBE = {"timeoutSeconds": 240, "periodSeconds": 240, "failureThreshold": 1, "tcpSocket": {"port": 8080}}
# Source: https://cloud.google.com/run/docs/configuring/request-timeout
MOST_SECONDS = 3600.0
# What of a template is a revision's too, under the same name.
SHARED = ("containers", "volumes", "serviceAccount", "timeout", "maxInstanceRequestConcurrency", "scaling", "labels")
READY, RECONCILING, FAILED = (f"CONDITION_{state}" for state in ("SUCCEEDED", "RECONCILING", "FAILED"))


@SERVICE.method(f"{RUNNING}.delete")
def delete(call: Call) -> Json:
    """Delete a service with its revisions; what runs is stopped before this answers."""
    answer = SERVICE.collection("services").delete(call)
    call.cloud.part(Fleet).retire(call.name)
    return answer


def _complete(call: Call, record: Record) -> None:
    """Fill in the defaults, and begin the newest revision."""
    _fill(record.body)
    record.body.setdefault("uid", str(uuid.uuid4()))
    record.body.setdefault("creator", "test@example.com")
    _begin(call, record, is_new=True)


def _change(call: Call, before: Record, after: Record) -> None:
    _fill(after.body)
    failed = before.body["terminalCondition"]["state"] != READY
    _begin(call, after, is_new=failed or after.body["template"] != before.body["template"])


def _fill(body: Json) -> None:
    _fill_template(body["template"])
    body.setdefault("traffic", [dict(LATEST)])
    body.setdefault("ingress", "INGRESS_TRAFFIC_ALL")
    body.setdefault("launchStage", "GA")


def _fill_template(template: Json) -> None:
    if not template.get("containers"):
        raise invalid("The template must have a container.", field="service.template.containers")
    for container in template["containers"]:
        if not container.get("image"):
            raise invalid("A container must have an image.", field="service.template.containers.image")
        # Whoever gives resources leaves off what they do not say.
        # Source: https://cloud.google.com/run/docs/reference/rest/v2/Container#ResourceRequirements
        resources = container.setdefault("resources", {"cpuIdle": True, "startupCpuBoost": True})
        resources["limits"] = {"cpu": "1000m", "memory": "512Mi", **resources.get("limits", {})}
    _complete_first(template["containers"][0])
    if not 0 < moments.seconds(template.setdefault("timeout", "300s")) <= MOST_SECONDS:
        raise invalid(f"The timeout must be within {MOST_SECONDS:.0f}s.", field="service.template.timeout")
    template.setdefault("maxInstanceRequestConcurrency", 80)
    template.setdefault("scaling", {}).setdefault("maxInstanceCount", 100)
    template.setdefault("serviceAccount", "100000000000-compute@developer.gserviceaccount.com")


def _complete_first(container: Json) -> None:
    ports = container["ports"] = container.get("ports") or [dict(PORT)]
    ports[0].setdefault("name", "http1")
    port = ports[0].setdefault("containerPort", PORT["containerPort"])
    if "startupProbe" not in container:
        container["startupProbe"] = {**PROBE, "tcpSocket": {"port": port}}


def _begin(call: Call, record: Record, *, is_new: bool) -> None:
    body = record.body
    generation = str(int(body.get("generation", "0")) + 1)
    body["generation"] = generation
    body["lastModifier"] = "test@example.com"
    if is_new:
        name = record.name.rpartition("/")[2]
        body["latestCreatedRevision"] = f"{record.name}/revisions/{name}-{int(generation):05d}"
    body["reconciling"] = True
    _judge(body, _condition(RECONCILING))


def _created(call: Call, record: Record) -> None:
    """Give the service its address."""
    url = call.cloud.part(Fleet).open(call.cloud, record.body).front.url
    call.cloud.store.change(RUNNING, record.name, lambda kept: kept.body.update(uri=url, urls=[url]))


def _finish(call: Call, name: str, action: str) -> Json:
    """Start the newest revision, if it does not run yet; the service is ready when it listens."""
    store, running = call.cloud.store, call.cloud.part(Fleet).find(name)
    with store.locked():
        service = store.get(RUNNING, name).body
        revision = service["latestCreatedRevision"]
        if not store.find(REVISIONS, revision):
            store.add(REVISIONS, Record(revision, _revision(service)))
    try:
        states.transition(MACHINE, action, name).begin()
        if running and revision != service.get("latestReadyRevision"):
            running.deploy(service)
    except (RevisionError, states.FaultError) as error:
        text = f"Revision '{revision.rpartition('/')[2]}' is not ready and cannot serve traffic. {error}"
        reason = error.reason if isinstance(error, RevisionError) else {}
        _settle(call, name, revision, _condition(FAILED, message=text, **reason))
        raise precondition(text) from error
    return _settle(call, name, revision, _condition(READY))


def _settle(call: Call, name: str, revision: str, condition: Json) -> Json:
    def change(record: Record) -> None:
        body = record.body
        if body["latestCreatedRevision"] != revision:
            return
        body.pop("reconciling", None)
        body["observedGeneration"] = body["generation"]
        _judge(body, condition)
        if condition["state"] == READY:
            body["latestReadyRevision"] = revision
            body["trafficStatuses"] = [dict(target) for target in body["traffic"]]

    store = call.cloud.store
    store.change(REVISIONS, revision, lambda record: record.body.update(conditions=[condition]))
    return store.change(RUNNING, name, change).body


def _revision(service: Json) -> Json:
    now = moments.now()
    shared = {name: service["template"][name] for name in SHARED if name in service["template"]}
    return {
        **shared,
        "name": service["latestCreatedRevision"],
        "service": service["name"].rpartition("/")[2],
        "generation": "1",
        "createTime": now,
        "updateTime": now,
        "uid": str(uuid.uuid4()),
        "conditions": [_condition(RECONCILING)],
    }


def _judge(body: Json, condition: Json) -> None:
    body["terminalCondition"] = condition
    body["conditions"] = [{**condition, "type": kind} for kind in ("RoutesReady", "ConfigurationsReady")]


def _condition(state: str, **more: str) -> Json:
    return {"type": "Ready", "state": state, "lastTransitionTime": moments.now(), **more}


def _remove_revisions(call: Call, record: Record) -> None:
    for revision in call.cloud.store.all(REVISIONS, f"{record.name}/revisions/"):
        call.cloud.store.remove(REVISIONS, revision.name)


SERVICE.hooks("services").filling = _complete
SERVICE.hooks("services").created = _created
SERVICE.hooks("services").changing = _change
SERVICE.hooks("services").finishing = _finish
SERVICE.hooks("services").removing = _remove_revisions
policies.serve(SERVICE, RUNNING)
