"""The stand-in for the Google Cloud plugin: configuration, refused unless local, and the types of its tables."""

import importlib
import json
import os
import threading
from collections.abc import Iterator
from typing import Any

from infra import guards
from infra.accounts import LOCAL_TOKEN
from infra.providers.gcp.cloud import Cloud
from infra.providers.gcp.hooks import Hook
from infra.providers.gcp.label_rules import LabelRules
from infra.providers.gcp.members import MemberResource
from infra.providers.gcp.table_resource import GcpResource
from infra.providers.gcp.tables import Type, find
from infra.providers.kit.local_only import RefusedEndpoint, require_local_stack
from infra.providers.kit.resource import Failure, Plugin, PluginError, Resource
from infra.providers.kit.values import Properties, Value

# what the real plugin takes and a local cloud has no use for
_WITHOUT_EFFECT = frozenset(
    {"batching", "billingProject", "disableGooglePartnerName", "googlePartnerName", "requestReason"}
    | {"requestTimeout", "scopes", "userProjectOverride", "zone"}
)
_WITH_EFFECT = frozenset(
    {"project", "region", "defaultLabels", "addPulumiAttributionLabel", "version", "pluginDownloadURL"}
)
_CREDENTIALS = frozenset({"accessToken", "credentials", "externalCredentials", "impersonateServiceAccount"})
_ENDPOINT = "CustomEndpoint"


class GcpPlugin(Plugin):
    """Serves the package `gcp` for a local cloud."""

    name = "gcp"

    def __init__(self, version: str) -> None:
        super().__init__()
        self.version = version
        self._cloud: Cloud | None = None
        self._rules = LabelRules()
        self._resources: dict[str, GcpResource] = {}

    def check_stack(self, stack: str) -> None:
        """Refuse the stack of a real environment. Raises RefusedEnvironment."""
        require_local_stack(stack)

    def check_config(self, inputs: Properties) -> Iterator[Failure]:
        """Refuse what the stand-in does not understand, endpoints that are not on loopback, and real credentials."""
        for name in sorted(inputs.keys() - _WITHOUT_EFFECT - _WITH_EFFECT - _CREDENTIALS):
            if not name.startswith("__") and not name.endswith(_ENDPOINT):
                yield Failure(name, f"the local stand-in does not support the provider's input `{name}`")
        yield from _refused(inputs)

    def configure(self, inputs: Properties) -> None:
        """Connect to the local cloud. Raises RefusedEndpoint, or PluginError if nothing names the project."""
        for failure in _refused(inputs):
            raise RefusedEndpoint(failure.reason)
        self._cloud = Cloud.from_environment(inputs.get("project"), inputs.get("region"))
        marked = _decoded(inputs.get("addPulumiAttributionLabel"))
        self._rules = LabelRules(_decoded(inputs.get("defaultLabels")) or {}, marked=marked in (None, True))
        threading.Thread(target=_load_vendor_sdk, daemon=True, name="load-sdk").start()

    def resource(self, token: str) -> Resource:
        """Return the type behind a token. Raises PluginError if no table has it."""
        if self._cloud is None:
            raise PluginError("the provider is not configured")
        if token not in self._resources:
            table = find(token)
            made = MemberResource if table.subject else GcpResource
            self._resources[token] = made(table, self._cloud, self._rules, self.cancelled, hook_of(table))
        return self._resources[token]


def _refused(inputs: Properties) -> Iterator[Failure]:
    """Yield what leads past the local cloud, or is of a real account: in the environment, and in the inputs."""
    advice = 'this plugin is a stand-in for local clouds only; run `eval "$(./stile env local-gcp)"` in this shell'
    for name, reason in guards.against_local(os.environ, "gcp"):
        yield Failure(name, f"{reason}: {advice}")
    for name, url in inputs.items():
        if name.endswith(_ENDPOINT) and url and not guards.is_loopback(str(url)):
            yield Failure(name, f"the provider's {name} {url} is not on this machine: {advice}")
    for name in sorted(inputs.keys() & _CREDENTIALS):
        if inputs[name] and inputs[name] != LOCAL_TOKEN:
            yield Failure(name, f"the provider's {name} is a real account's: {advice}")


def _decoded(value: Value) -> Any:
    """Return a provider input: the SDK sends those that are no text as JSON."""
    return json.loads(value) if isinstance(value, str) else value


def hook_of(table: Type) -> Hook:
    """Return the code of a type's own."""
    if table.hook is None:
        return Hook()
    module = table.token.split(":")[1].split("/")[0]
    made: Hook = getattr(importlib.import_module(f"infra.providers.gcp.hooks.{module}"), table.hook)()
    return made


def _load_vendor_sdk() -> None:
    """Import the vendor's client while the engine still thinks; the first call then finds it loaded."""
    importlib.import_module("googleapiclient.discovery")
