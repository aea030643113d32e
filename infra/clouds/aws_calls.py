"""The SDK of AWS as the commands use it, and how a refusal is told: operation, code and the vendor's message."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.errors import CloudError

P = ParamSpec("P")
R = TypeVar("R")


class Aws:
    """Clients of AWS's services for one environment, made when they are first asked for."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        """Take the environment's variables; the SDK's own credential chain serves where they name no keys."""
        self._endpoint_url = variables.get("AWS_ENDPOINT_URL")
        self._clients: dict[str, Any] = {}
        self._session = boto3.session.Session(
            aws_access_key_id=variables.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=variables.get("AWS_SECRET_ACCESS_KEY"),
            aws_session_token=variables.get("AWS_SESSION_TOKEN"),
            region_name=variables.get("AWS_REGION"),
        )

    def client(self, service: str) -> Any:
        """The client of a service."""
        if service not in self._clients:
            self._clients[service] = self._session.client(service, endpoint_url=self._endpoint_url)
        return self._clients[service]

    def close(self) -> None:
        """Close the connections of all clients."""
        for client in self._clients.values():
            client.close()


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
