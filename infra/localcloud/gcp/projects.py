"""The one project that there is: Resource Manager v1 and v3 with its IAM policy, Compute's view of it, enabled APIs."""

from infra.localcloud.gcp import policies
from infra.localcloud.gcp.call import PROJECT, PROJECT_NUMBER, Call
from infra.localcloud.gcp.errors import Json, Refusal, not_found
from infra.localcloud.gcp.operations import Outcome
from infra.localcloud.gcp.paging import page
from infra.localcloud.gcp.routes import APIS
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.store import Record

MANAGER = Service("cloudresourcemanager.v1")
MANAGER_V3 = Service("cloudresourcemanager.v3")
COMPUTE = Service("compute.v1")
USAGE = Service("serviceusage.v1")
SERVICES = (MANAGER, MANAGER_V3, COMPUTE, USAGE)
PROJECTS = "cloudresourcemanager.projects"
ENABLED = "serviceusage.services"
CREATED = "2026-01-01T00:00:00Z"
KNOWN = sorted({f"{api.partition('.')[0]}.googleapis.com" for api in APIS})


def _is_ours(call: Call) -> bool:
    return call.name.removeprefix("projects/") in (PROJECT, PROJECT_NUMBER)


def _require_ours(call: Call) -> None:
    if not _is_ours(call):
        # Google does not tell whether a project exists that the caller cannot see.
        text = f"The caller does not have permission, or the project {call.name} does not exist."
        raise Refusal("PERMISSION_DENIED", text)


@MANAGER.method(f"{PROJECTS}.get")
def get(call: Call) -> Json:
    """The project as Resource Manager v1 shows it."""
    _require_ours(call)
    return {
        "projectNumber": PROJECT_NUMBER,
        "projectId": PROJECT,
        "lifecycleState": "ACTIVE",
        "name": PROJECT,
        "createTime": CREATED,
    }


@MANAGER_V3.method(f"{PROJECTS}.get")
def get_v3(call: Call) -> Json:
    """The project as Resource Manager v3 shows it."""
    _require_ours(call)
    return {
        "name": f"projects/{PROJECT_NUMBER}",
        "projectId": PROJECT,
        "displayName": PROJECT,
        "state": "ACTIVE",
        "createTime": CREATED,
    }


@COMPUTE.method("compute.projects.get")
def get_of_compute(call: Call) -> Json:
    """The project as Compute Engine shows it; the provider asks for it to learn the id of a bucket's project."""
    if not _is_ours(call):
        raise not_found(f"The resource 'projects/{call.name}'")
    return {
        "kind": "compute#project",
        "id": PROJECT_NUMBER,
        "name": PROJECT,
        "creationTimestamp": CREATED,
        "selfLink": f"{call.cloud.endpoint_url}/compute/v1/projects/{PROJECT}",
    }


def _named(call: Call) -> str:
    """v1 has `my-project` in the path, v3 has `projects/my-project`."""
    return f"projects/{call.name.removeprefix('projects/').replace(PROJECT_NUMBER, PROJECT)}"


for _service in (MANAGER, MANAGER_V3):
    policies.serve(_service, PROJECTS, existing=False, named=_named)


@USAGE.method("serviceusage.services.get")
def get_service(call: Call) -> Json:
    """One API with its state."""
    return _service_shown(call, call.name)


@USAGE.method("serviceusage.services.list")
def list_services(call: Call) -> Json:
    """The APIs that the local cloud knows."""
    records = [
        Record(name, _service_shown(call, f"{call.name}/services/{name}"), number=number)
        for number, name in enumerate(KNOWN)
    ]
    query = {**call.query, "filter": call.query.get("filter", "").replace("state:", "state=")}
    chosen, token = page(records, query)
    answer: Json = {"services": [record.body for record in chosen]}
    return {**answer, "nextPageToken": token} if token else answer


@USAGE.method("serviceusage.services.enable")
def enable_service(call: Call) -> Json:
    """Enable an API."""
    return _switched(call, [call.name], "ENABLED", "EnableServiceResponse")


@USAGE.method("serviceusage.services.disable")
def disable_service(call: Call) -> Json:
    """Disable an API; the local cloud goes on answering it."""
    return _switched(call, [call.name], "DISABLED", "DisableServiceResponse")


@USAGE.method("serviceusage.services.batchEnable")
def enable_services(call: Call) -> Json:
    """Enable several APIs."""
    names = [f"{call.name}/services/{one}" for one in call.body.get("serviceIds", [])]
    return _switched(call, names, "ENABLED", "BatchEnableServicesResponse")


def _switched(call: Call, names: list[str], state: str, schema: str) -> Json:
    def work(_: object) -> Json:
        for name in names:
            _require_known(name)
            with call.cloud.store.locked():
                if call.cloud.store.find(ENABLED, name) is None:
                    call.cloud.store.add(ENABLED, Record(name, {"state": "ENABLED"}))
                call.cloud.store.change(ENABLED, name, lambda record: record.body.update(state=state))
        shown = [_service_shown(call, name) for name in names]
        return {"services": shown} if schema.startswith("Batch") else {"service": shown[0]}

    return call.cloud.operations.run(call.method, call.name, Outcome(schema), work)


def _require_known(name: str) -> None:
    service = name.rpartition("/")[2]
    if service not in KNOWN:
        raise Refusal("PERMISSION_DENIED", f"Not found or permission denied for service(s): {service}.")


def _service_shown(call: Call, name: str) -> Json:
    _require_known(name)
    kept = call.cloud.store.find(ENABLED, name)
    service = name.rpartition("/")[2]
    return {
        "name": name,
        "parent": name.rsplit("/", 2)[0],
        "config": {"name": service},
        "state": kept.body["state"] if kept else "ENABLED",
    }
