"""Cloud Run: services as records, with the values that Google fills in."""

import uuid

from infra.localcloud.gcp import moments, policies
from infra.localcloud.gcp.call import Call
from infra.localcloud.gcp.errors import Json, invalid
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.store import Record

SERVICE = Service("run.v2", section="run")
RUNNING = "run.projects.locations.services"
LATEST = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}
# What the server fills into a template; seen in what the official provider sends back (tests/.../wire.jsonl).
PORT = {"name": "http1", "containerPort": 8080}
PROBE = {"timeoutSeconds": 240, "periodSeconds": 240, "failureThreshold": 1, "tcpSocket": {"port": 8080}}


def _complete(call: Call, record: Record) -> None:
    """Fill in the defaults of the template, and the state of the newest revision."""
    body = record.body
    template = body["template"]
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
    template.setdefault("timeout", "300s")
    template.setdefault("maxInstanceRequestConcurrency", 80)
    template.setdefault("scaling", {}).setdefault("maxInstanceCount", 100)
    template.setdefault("serviceAccount", "100000000000-compute@developer.gserviceaccount.com")
    body.setdefault("traffic", [dict(LATEST)])
    body.setdefault("ingress", "INGRESS_TRAFFIC_ALL")
    body.setdefault("launchStage", "GA")
    _mark_ready(record)


def _complete_first(container: Json) -> None:
    port = container.setdefault("ports", [dict(PORT)])[0]
    port.setdefault("name", "http1")
    if "startupProbe" not in container:
        container["startupProbe"] = {**PROBE, "tcpSocket": {"port": port.get("containerPort", 8080)}}


def _mark_ready(record: Record) -> None:
    body = record.body
    generation = str(int(body.get("generation", "0")) + 1)
    location, name = record.name.split("/")[3], record.name.rpartition("/")[2]
    revision = f"{record.name}/revisions/{name}-{int(generation):05d}"
    ready = {"type": "Ready", "state": "CONDITION_SUCCEEDED", "lastTransitionTime": moments.now()}
    uri = f"https://{name}-100000000000.{location}.run.app"
    body |= {
        "generation": generation,
        "observedGeneration": generation,
        "latestReadyRevision": revision,
        "latestCreatedRevision": revision,
        "terminalCondition": ready,
        "conditions": [{**ready, "type": "RoutesReady"}, {**ready, "type": "ConfigurationsReady"}],
        "trafficStatuses": [dict(target) for target in body["traffic"]],
        "uri": uri,
        "urls": [uri],
    }
    body.setdefault("uid", str(uuid.uuid4()))
    body.setdefault("creator", "test@example.com")
    body["lastModifier"] = "test@example.com"


def _change(call: Call, before: Record, after: Record) -> None:
    _complete(call, after)


SERVICE.hooks("services").filling = _complete
SERVICE.hooks("services").changing = _change
policies.serve(SERVICE, RUNNING)
