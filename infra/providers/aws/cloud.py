"""The connection to the local cloud: loopback only, one session, one client per service and region."""

import os
import threading
from typing import TYPE_CHECKING, Any

from infra.providers.kit import local_only
from infra.providers.kit.resource import CallFailed, PluginError

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.session import Session

ENDPOINT = "AWS_ENDPOINT_URL"
_CONNECTIONS = 32  # as many as the engine's parallel calls


def require_loopback(endpoint_url: str | None) -> str:
    """Return the endpoint if it is on this machine's loopback. Raises RefusedEndpoint otherwise."""
    return local_only.require_loopback(ENDPOINT, endpoint_url)


class Cloud:
    """Clients for the local cloud, made when first asked for.

    Attributes:
        endpoint_url: where all services answer; on loopback.
        region: the provider's region.
    """

    def __init__(self, endpoint_url: str, region: str, access_key: str = "test", secret_key: str = "test") -> None:  # noqa: S107 - local clouds take any
        self.endpoint_url = require_loopback(endpoint_url)
        self.region = region
        self._keys = (access_key, secret_key)
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._clients: dict[tuple[str, str], BaseClient] = {}
        self._account: str | None = None

    @classmethod
    def from_environment(cls, region: str | None) -> "Cloud":
        """Connect as the environment says. Raises RefusedEndpoint."""
        chosen = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        return cls(
            require_loopback(os.environ.get(ENDPOINT)),
            chosen,
            os.environ.get("AWS_ACCESS_KEY_ID", "test"),
            os.environ.get("AWS_SECRET_ACCESS_KEY", "test"),
        )

    def client(self, service: str, region: str | None = None) -> "BaseClient":
        """Return the client of a service, such as `iam`; clients may be used from many threads, making them may not."""
        key = (service, region or self.region)
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._make(*key)
            return self._clients[key]

    def _make(self, service: str, region: str) -> "BaseClient":
        import botocore.session
        from botocore.config import Config

        if self._session is None:
            self._session = botocore.session.Session()
        settings = Config(
            retries={"max_attempts": 2, "mode": "standard"},
            max_pool_connections=_CONNECTIONS,
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            parameter_validation=True,
            proxies={},  # or what goes to this machine could leave it
        )
        return self._session.create_client(
            service,
            region_name=region,
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self._keys[0],
            aws_secret_access_key=self._keys[1],
            config=settings,
        )

    @property
    def account(self) -> str:
        """The caller's account id; asked for once."""
        if self._account is None:
            self._account = str(self.call("sts", "GetCallerIdentity")["Account"])
        return self._account

    def call(self, service: str, operation: str, args: dict[str, Any] | None = None, region: str | None = None) -> Any:
        """Call an operation by the vendor's name and return its answer; one that comes in pages is returned whole.

        Raises CallFailed when the cloud refuses, PluginError when it cannot be reached or the arguments are wrong.
        """
        return ask(self.client(service, region), operation, args)


def ask(client: "BaseClient", operation: str, args: dict[str, Any] | None = None) -> Any:
    """Call an operation of a client by the vendor's name; see Cloud.call."""
    from botocore import xform_name
    from botocore.exceptions import BotoCoreError, ClientError

    method = xform_name(operation)
    try:
        if client.can_paginate(method):
            return client.get_paginator(method).paginate(**(args or {})).build_full_result()
        return getattr(client, method)(**(args or {}))
    except ClientError as error:
        details = error.response.get("Error", {})
        raise CallFailed(operation, str(details.get("Code", "")), str(details.get("Message", ""))) from error
    except BotoCoreError as error:
        raise PluginError(f"{operation}: {error}") from error
