"""How a service is put together: handlers by operation name, checked requests, and an honest answer for the rest."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.skeleton import Skeleton
from localstack.aws.spec import load_service
from localstack.services.plugins import Service

from infra.localcloud.aws.constraints import check_request

Request = Mapping[str, Any]
Response = Mapping[str, Any]
Handler = Callable[[RequestContext, Any], Response | None]
Operations = Mapping[str, Handler]


def compose(api: str, parts: Iterable[Operations]) -> Service:
    """Join the parts' handlers into one LocalStack service.

    Every request is checked against the vendor's own model of it before its handler sees it. An operation that no
    part handles answers `InternalFailure` with status 501, in the words of LocalStack.

    Raises:
        ValueError: two parts handle one operation, or a part handles one that the service does not have.
    """
    model = load_service(api)
    table: dict[str, Handler] = {name: _not_implemented(api, name) for name in model.operation_names}
    handled: set[str] = set()
    for part in parts:
        if wrong := (handled & set(part)) | (set(part) - set(table)):
            raise ValueError(f"{api}: handled twice, or unknown to the service: {sorted(wrong)}")
        handled |= set(part)
        table.update({name: _checked(handler) for name, handler in part.items()})
    return Service(api, skeleton=Skeleton(model, table))


def _checked(handler: Handler) -> Handler:
    def handle(context: RequestContext, request: Any) -> Response | None:
        if context.operation is not None:
            check_request(context.operation.input_shape, request)
        return handler(context, request)

    return handle


def _not_implemented(api: str, operation: str) -> Handler:
    def refuse(context: RequestContext, request: Any) -> Response | None:
        # LocalStack turns this into its own 501 answer; a client sees an error, never a success.
        raise NotImplementedError(f"The API action '{operation}' for service '{api}' is not implemented.")

    return refuse
