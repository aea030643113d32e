"""The methods on long-running operations, the same for all APIs: get, list, wait, cancel and delete."""

from infra.localcloud.gcp.call import Call
from infra.localcloud.gcp.errors import Json
from infra.localcloud.gcp.paging import page
from infra.localcloud.gcp.routes import Routes
from infra.localcloud.gcp.service import Registered
from infra.localcloud.gcp.store import Record

# Longest wait for an operation that one request may ask for; the client asks again.
MOST_WAIT_SECONDS = 30.0


def operation_handlers(routes: Routes) -> dict[tuple[str, str], Registered]:
    """Return what answers every method named `...operations.<verb>` of every API."""
    verbs = {"get": get, "list": list_, "wait": wait, "cancel": cancel, "delete": delete}
    return {
        (method.document.api, method_id): Registered(verbs[method.verb_name])
        for method_id, methods in routes.by_id.items()
        for method in methods
        if method_id.split(".")[-2:-1] == ["operations"] and method.verb_name in verbs
        if method.parameters.get("name", {}).get("location") == "path"
    }


def get(call: Call) -> Json:
    """Answer one operation."""
    return call.cloud.operations.get(_name(call)).shown()


def list_(call: Call) -> Json:
    """Answer a page of the operations of a project and location, or on one resource."""
    found = call.cloud.operations.below(call.name)
    records = [Record(one.name, one.shown(), number=number) for number, one in enumerate(found)]
    chosen, token = page(records, call.query)
    answer: Json = {"operations": [record.body for record in chosen]}
    return {**answer, "nextPageToken": token} if token else answer


def wait(call: Call) -> Json:
    """Answer an operation when it is done, or when the time that the client gave is over."""
    operation = call.cloud.operations.get(_name(call))
    told = call.query.get("timeout") or call.body.get("timeout") or f"{MOST_WAIT_SECONDS}s"
    asked = float(str(told).removesuffix("s"))
    operation.ended.wait(min(asked, MOST_WAIT_SECONDS))
    return operation.shown()


def cancel(call: Call) -> Json:
    """Ask the work to end; whether it does is the work's business, as Google has it."""
    call.cloud.operations.get(_name(call)).cancelled.set()
    return {}


def delete(call: Call) -> Json:
    """Forget an operation."""
    call.cloud.operations.forget(_name(call))
    return {}


def _name(call: Call) -> str:
    """Vertex names operations below resources, too; ours have one form, by project, location and number."""
    words = call.name.split("/")
    if words[0] == "projects" and words[2:3] == ["locations"]:
        return "/".join([*words[:4], *words[-2:]])
    return call.name
