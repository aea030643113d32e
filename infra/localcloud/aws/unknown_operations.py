"""Lets a request that this LocalStack cannot read be refused by name, never with 500.

Clients' models are newer than the dated ones here, so that they know operations that are unknown to these: not
implemented. And a body that is no request of its operation is the client's error.
"""

from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext
from localstack.aws.handlers.service import ServiceRequestParser
from localstack.aws.protocol.parser import OperationNotFoundParserError, RequestParserError
from localstack.runtime import hooks
from localstack.utils.patch import patch


@hooks.on_infra_start()
def refuse_unknown_operations() -> None:
    """Called by LocalStack before the first request is taken."""
    patch(ServiceRequestParser.parse_and_enrich)(_parse)


def _parse(parse: Any, self: ServiceRequestParser, context: RequestContext) -> Any:
    try:
        parsed = parse(self, context)
    except RequestParserError as error:
        if context.service is None:
            raise
        raise _refusal(context, error) from error
    if context.service is not None and context.service_request is None:  # a body that is `null`
        raise _serialization("the body is no structure")
    return parsed


def _refusal(context: RequestContext, error: RequestParserError) -> CommonServiceException:
    asked = context.request.headers.get("X-Amz-Target")
    action = (asked or context.request.path).rpartition(".")[2]
    known = context.service.operation_names if context.service else []
    # The error is written in the shape of the service's protocol, for which LocalStack needs any operation.
    if context.service is not None and context.operation is None:
        context.operation = context.service.operation_model(action if action in known else known[0])
    if isinstance(error, OperationNotFoundParserError) or (asked is not None and action not in known):
        service = context.service.service_name if context.service else ""
        message = f"The API action '{action}' for service '{service}' is not implemented."
        return CommonServiceException("InternalFailure", message, status_code=501)
    return _serialization(str(error))


def _serialization(why: str) -> CommonServiceException:
    return CommonServiceException("SerializationException", why, status_code=400, sender_fault=True)
