"""The stand-in for the AWS plugin: configuration, refused unless local, and the types of its tables."""

import importlib
import json
import os
import threading
from collections.abc import Iterator
from typing import Any

from infra import guards
from infra.providers.aws.cloud import Cloud, require_loopback
from infra.providers.aws.functions import answer
from infra.providers.aws.hooks import Hook
from infra.providers.aws.table_resource import AwsResource
from infra.providers.aws.tables import Type, find
from infra.providers.aws.tag_rules import TagRules
from infra.providers.kit.local_only import RefusedEndpoint, require_local_stack
from infra.providers.kit.resource import Failure, Plugin, PluginError, Resource
from infra.providers.kit.values import Properties, Value

# what the real plugin takes and a local cloud has no use for
_WITHOUT_EFFECT = frozenset(
    {
        "accessKey",
        "secretKey",
        "token",
        "maxRetries",
        "retryMode",
        "s3UsePathStyle",
        "skipCredentialsValidation",
        "skipMetadataApiCheck",
        "skipRegionValidation",
        "skipRequestingAccountId",
    }
)
_WITH_EFFECT = frozenset({"region", "endpoints", "defaultTags", "ignoreTags", "version", "pluginDownloadURL"})


class AwsPlugin(Plugin):
    """Serves the package `aws` for a local cloud."""

    name = "aws"

    def __init__(self, version: str) -> None:
        super().__init__()
        self.version = version
        self._cloud: Cloud | None = None
        self._tag_rules = TagRules()
        self._resources: dict[str, AwsResource] = {}

    def check_stack(self, stack: str) -> None:
        """Refuse the stack of a real environment. Raises RefusedEnvironment."""
        require_local_stack(stack)

    def check_config(self, inputs: Properties) -> Iterator[Failure]:
        """Refuse what the stand-in does not understand, endpoints that are not on loopback, and real credentials."""
        for name in sorted(inputs.keys() - _WITHOUT_EFFECT - _WITH_EFFECT):
            if not name.startswith("__"):
                yield Failure(name, f"the local stand-in does not support the provider's input `{name}`")
        for url in _endpoints(inputs):
            try:
                require_loopback(url)
            except RefusedEndpoint as error:
                yield Failure("endpoints", str(error))
        yield from _refused(inputs)

    def configure(self, inputs: Properties) -> None:
        """Connect to the local cloud. Raises RefusedEndpoint."""
        for url in _endpoints(inputs):
            require_loopback(url)
        for failure in _refused(inputs):
            raise RefusedEndpoint(failure.reason)
        self._cloud = Cloud.from_environment(inputs.get("region"))
        default, ignored = _decoded(inputs.get("defaultTags")) or {}, _decoded(inputs.get("ignoreTags")) or {}
        self._tag_rules = TagRules(
            default=default.get("tags") or {},
            ignored_keys=frozenset(ignored.get("keys") or ()),
            ignored_prefixes=tuple(ignored.get("keyPrefixes") or ()),
        )
        threading.Thread(target=_load_vendor_sdk, daemon=True, name="load-sdk").start()

    def resource(self, token: str) -> Resource:
        """Return the type behind a token. Raises PluginError if no table has it."""
        if self._cloud is None:
            raise PluginError("the provider is not configured")
        if token not in self._resources:
            table = find(token)
            self._resources[token] = AwsResource(table, self._cloud, self._tag_rules, self.cancelled, _hook(table))
        return self._resources[token]

    def invoke(self, token: str, args: Properties) -> Properties:
        """Answer a function of the package. Raises PluginError if the stand-in does not know it."""
        if self._cloud is None:
            raise PluginError("the provider is not configured")
        return answer(self._cloud, token, args)


def _refused(inputs: Properties) -> Iterator[Failure]:
    """Yield what leads past the local cloud, or is of a real account: in the environment, and in the inputs."""
    advice = 'this plugin is a stand-in for local clouds only; run `eval "$(./stile env local-aws)"` in this shell'
    for name, reason in guards.against_local(os.environ):
        where = "endpoints" if name.startswith(guards.ENDPOINT) else name
        yield Failure(where, f"{reason}: {advice}")
    if guards.is_real_key(str(inputs.get("accessKey") or "")):
        yield Failure("accessKey", f"the provider's accessKey is a real account's: {advice}")


def _endpoints(inputs: Properties) -> Iterator[str]:
    """Yield the endpoints given to the provider: a list of objects of service and URL."""
    for row in _decoded(inputs.get("endpoints")) or ():
        yield from (url for url in row.values() if url)


def _decoded(value: Value) -> Any:
    """Return a provider input: the SDK sends those that are no text as JSON."""
    return json.loads(value) if isinstance(value, str) else value


def _hook(table: Type) -> Hook:
    if table.hook is None:
        return Hook()
    module = table.token.split(":")[1].split("/")[0]
    made: Hook = getattr(importlib.import_module(f"infra.providers.aws.hooks.{module}"), table.hook)()
    return made


def _load_vendor_sdk() -> None:
    """Import the vendor's SDK while the engine still thinks; the first call then finds it loaded."""
    importlib.import_module("botocore.session")
