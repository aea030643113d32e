"""InvokeEndpoint: one request, forwarded to the model server of a variant chosen by weight."""

import time
from typing import Any

from localstack.aws.api import RequestContext, ServiceException

from infra.localcloud.aws.failures import Refusal
from infra.localcloud.aws.operations import Operations, Request, Response
from infra.localcloud.aws.sagemaker.endpoints import Endpoint
from infra.localcloud.aws.sagemaker.fleets import LiveVariant
from infra.localcloud.aws.sagemaker.store import store
from infra.localcloud.aws.sagemaker_runtime.capture import Exchange, capture
from infra.localcloud.aws.sagemaker_runtime.telemetry import Source, metrics, values_of
from infra.localcloud.jobs.variants import VariantAnswer

SERVING = ("InService", "Updating", "RollingBack", "SystemUpdating")
ATTRIBUTES_HEADER = "X-Amzn-SageMaker-Custom-Attributes"
FORWARDED = {
    "ContentType": "Content-Type",
    "Accept": "Accept",
    "CustomAttributes": ATTRIBUTES_HEADER,
    "InferenceId": "X-Amzn-SageMaker-Inference-Id",
}
NOT_EMULATED = ("TargetModel", "TargetContainerHostname", "InferenceComponentName", "EnableExplanations", "SessionId")


class ModelError(ServiceException):
    """The model server answered with an error, or not at all; carries its status and message."""

    code = "ModelError"
    status_code = 424
    sender_fault = False


def invoke_endpoint(context: RequestContext, request: Request) -> Response:
    """InvokeEndpoint."""
    if wrong := [member for member in NOT_EMULATED if request.get(member)]:
        raise NotImplementedError(f"{wrong[0]} is not implemented in the local cloud.")
    began = time.perf_counter()
    endpoint = _serving(context, request["EndpointName"])
    body = _bytes(request.get("Body"))
    headers = {header: str(request[member]) for member, header in FORWARDED.items() if request.get(member)}
    variant = _hold(context, endpoint, request)
    try:
        answer = variant.answer(body, headers)
    finally:
        variant.release()
    source = Source(context.region, endpoint.name, variant.plan.name)
    metrics().note(source, values_of(answer.status, answer.model_seconds, time.perf_counter() - began))
    if not 200 <= answer.status < 300:
        raise _model_error(context, endpoint, variant, answer)
    config = endpoint.config.request.get("DataCaptureConfig")
    if config:
        exchange = Exchange(
            request=body,
            request_type=headers.get("Content-Type", ""),
            answer=answer.body,
            answer_type=_header(answer, "Content-Type") or "",
            inference_id=request.get("InferenceId"),
            custom_attributes=request.get("CustomAttributes"),
        )
        capture().note(config, endpoint.name, variant, exchange)
    return _response(variant, answer)


def _serving(context: RequestContext, name: str) -> Endpoint:
    endpoint: Endpoint | None = store(context).endpoints.find(name)
    if endpoint is None or endpoint.status not in SERVING or endpoint.fleet is None:
        raise Refusal("ValidationError", f"Endpoint {name} of account {context.account_id} not found.", 400)
    return endpoint


def _hold(context: RequestContext, endpoint: Endpoint, request: Request) -> LiveVariant:
    """Choose a variant and keep it, under the lock, so that an update cannot retire it in between."""
    target = request.get("TargetVariant")
    with store(context).endpoints.locked():
        variant = endpoint.fleet.pick(target) if endpoint.fleet else None
        if variant is None:
            raise Refusal("ValidationError", f"Variant {target} not found for Request {context.request_id}", 400)
        variant.hold()
        return variant


def _model_error(
    context: RequestContext, endpoint: Endpoint, variant: LiveVariant, answer: VariantAnswer
) -> ModelError:
    text = answer.body.decode("utf-8", "replace")
    group = f"/aws/sagemaker/Endpoints/{endpoint.name}"
    side = "client" if answer.status < 500 else "server"
    message = (
        f'Received {side} error ({answer.status}) from primary with message "{text}". See '
        f"https://{context.region}.console.aws.amazon.com/cloudwatch/home?region={context.region}"
        f"#logEventViewer:group={group} in account {context.account_id} for more information."
    )
    return ModelError(
        message,
        OriginalStatusCode=answer.status,
        OriginalMessage=text,
        LogStreamArn=f"arn:{context.partition}:logs:{context.region}:{context.account_id}:log-group:{group}",
    )


def _response(variant: LiveVariant, answer: VariantAnswer) -> Response:
    response: dict[str, Any] = {"Body": answer.body, "InvokedProductionVariant": variant.plan.name}
    if content_type := _header(answer, "Content-Type"):
        response["ContentType"] = content_type
    if attributes := _header(answer, ATTRIBUTES_HEADER):
        response["CustomAttributes"] = attributes
    return response


def _header(answer: VariantAnswer, name: str) -> str | None:
    return next((value for key, value in answer.headers.items() if key.lower() == name.lower()), None)


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    content = body.read() if hasattr(body, "read") else body
    return content.encode() if isinstance(content, str) else bytes(content)


OPERATIONS: Operations = {"InvokeEndpoint": invoke_endpoint}
