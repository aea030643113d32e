"""Lets an operation that this LocalStack's service models do not know be refused as not implemented, never with 500.

Clients' models are newer than the dated ones here, so that they know operations that are unknown to these.
"""

from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext
from localstack.aws.handlers.service import ServiceRequestParser
from localstack.aws.protocol.parser import OperationNotFoundParserError, UnknownParserError
from localstack.runtime import hooks
from localstack.utils.patch import patch


@hooks.on_infra_start()
def refuse_unknown_operations() -> None:
    """Called by LocalStack before the first request is taken."""
    patch(ServiceRequestParser.parse_and_enrich)(_parse)


def _parse(parse: Any, self: ServiceRequestParser, context: RequestContext) -> Any:
    try:
        return parse(self, context)
    except (OperationNotFoundParserError, UnknownParserError) as error:
        asked = context.request.headers.get("X-Amz-Target")
        if context.service is None or not _is_unknown(context, asked, error):
            raise
        # The error is written in the shape of the service's protocol, for which LocalStack needs any operation.
        context.operation = context.service.operation_model(context.service.operation_names[0])
        action = (asked or context.request.path).rpartition(".")[2]
        message = f"The API action '{action}' for service '{context.service.service_name}' is not implemented."
        raise CommonServiceException("InternalFailure", message, status_code=501) from error


def _is_unknown(context: RequestContext, asked: str | None, error: Exception) -> bool:
    """A request may be unreadable for other reasons; those stay what they are."""
    if isinstance(error, OperationNotFoundParserError):
        return True
    known = context.service.operation_names if context.service else []
    return asked is not None and asked.rpartition(".")[2] not in known
