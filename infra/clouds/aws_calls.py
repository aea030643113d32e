"""How a refusal of AWS is told: operation, code and the vendor's message."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from infra.errors import CloudError

P = ParamSpec("P")
R = TypeVar("R")


def told(call: Callable[P, R]) -> Callable[P, R]:
    """Turn the SDK's errors into CloudError."""

    @wraps(call)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return call(*args, **kwargs)
        except ClientError as error:
            detail = error.response.get("Error", {})
            raise CloudError(f"{error.operation_name}: {detail.get('Code')}: {detail.get('Message')}") from error
        except BotoCoreError as error:
            raise CloudError(str(error), fix="check the region and the credentials; `stile doctor`") from error

    return wrapped
