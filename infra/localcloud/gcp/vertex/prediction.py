"""Online prediction: a request goes to the server of a deployed model, chosen by the traffic split."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from infra.localcloud.gcp.call import Call
from infra.localcloud.gcp.errors import STATUSES, Json, Refusal, invalid, precondition
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.vertex.endpoints import held_server
from infra.localcloud.gcp.vertex.model_records import ENDPOINTS
from infra.localcloud.gcp.vertex.telemetry import watched
from infra.localcloud.gcp.vertex.traffic import choice
from infra.localcloud.jobs.variants import VariantAnswer

SERVICE = Service("aiplatform.v1")
JSON = "application/json"
# Source: https://cloud.google.com/vertex-ai/docs/predictions/get-online-predictions
MOST_BYTES = 1_500_000
ENDPOINT_HEADER, MODEL_HEADER = "X-Vertex-AI-Endpoint-Id", "X-Vertex-AI-Deployed-Model-Id"
# What a request brings of itself, which is not forwarded.
HOP = ("host", "content-length", "connection", "authorization", "accept-encoding", "transfer-encoding", "user-agent")


@SERVICE.method(f"{ENDPOINTS}.predict")
def predict(call: Call) -> Json:
    """Answer predictions for instances, with the name of the model that made them."""
    if len(call.raw) > MOST_BYTES:
        raise invalid(f"The request size ({len(call.raw)} bytes) exceeds {MOST_BYTES} bytes limit.")
    asked = {name: call.body[name] for name in ("instances", "parameters") if name in call.body}
    deployed, answer = _exchange(call, json.dumps(asked).encode(), {"Content-Type": JSON})
    if not 200 <= answer.status < 300:
        raise _refused(answer)
    content = predictions_of(answer)
    return {
        "predictions": content["predictions"],
        "deployedModelId": deployed["id"],
        "model": deployed["model"].partition("@")[0],
        "modelVersionId": deployed["modelVersionId"],
        "modelDisplayName": deployed["displayName"],
        **({"metadata": content["metadata"]} if "metadata" in content else {}),
    }


@SERVICE.method(f"{ENDPOINTS}.rawPredict", raw=True)
def raw_predict(call: Call) -> Response:
    """Forward a body of any kind, and answer what the model's server answers."""
    body, content_type = _raw(call)
    headers = {name: value for name, value in call.headers.items() if name not in HOP}
    deployed, answer = _exchange(call, body, {**headers, "content-type": content_type})
    told = {ENDPOINT_HEADER: call.name.rpartition("/")[2], MODEL_HEADER: deployed["id"]}
    if not 200 <= answer.status < 300:
        refusal = _refused(answer)
        return Response(json.dumps(refusal.body()), refusal.status.http, told, JSON)
    kept = next((value for name, value in answer.headers.items() if name.lower() == "content-type"), JSON)
    return Response(answer.body, answer.status, {**told, "Content-Type": kept})


def _exchange(call: Call, body: bytes, headers: Mapping[str, str]) -> tuple[dict[str, Any], VariantAnswer]:
    """Let one deployed model answer; it is kept, so that an undeployment does not end it in between."""
    with call.cloud.store.locked():
        endpoint = call.cloud.store.get(ENDPOINTS, call.name)
        wanted = choice(endpoint.body)
        if wanted is None:
            raise precondition(f"Endpoint {call.name} doesn't have any DeployedModel that accepts traffic.")
        deployed = next(one for one in endpoint.body["deployedModels"] if one["id"] == wanted)
        server = held_server(call.cloud, call.name, wanted)
    try:
        with watched(call.cloud, call.name, wanted, len(call.body.get("instances") or [body])) as seen:
            answer = server.answer(body, headers)
            seen.status = answer.status
        return deployed, answer
    finally:
        server.release()


def _raw(call: Call) -> tuple[bytes, str]:
    """Return the body; generated clients wrap it into an `httpBody`."""
    content_type = call.headers.get("content-type", JSON)
    try:
        wrapped = json.loads(call.raw)["httpBody"] if call.raw.startswith(b"{") else None
    except (ValueError, KeyError):
        wrapped = None
    if not isinstance(wrapped, dict) or set(wrapped) - {"contentType", "data", "extensions"}:
        return call.raw, content_type
    return base64.b64decode(wrapped.get("data", "")), wrapped.get("contentType", content_type)


def predictions_of(answer: VariantAnswer) -> dict[str, Any]:
    """Return what a model's server answered; raises FAILED_PRECONDITION, if that has no predictions."""
    try:
        content = json.loads(answer.body)
    except ValueError as error:
        raise precondition(f"The model server's answer is no JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("predictions"), list):
        raise precondition("The model server's answer must be a JSON object with a list named 'predictions'.")
    return content


def _refused(answer: VariantAnswer) -> Refusal:
    """Return the error for an answer that is none: the server's own words, under the nearest of Google's codes."""
    found = next((status.name for status in STATUSES.values() if status.http == answer.status), None)
    nearest = found or ("INVALID_ARGUMENT" if answer.status < 500 else "INTERNAL")
    return Refusal(nearest, answer.body.decode("utf-8", "replace"))
