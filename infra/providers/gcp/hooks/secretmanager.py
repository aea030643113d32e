"""Secret Manager: versions, which are made enabled, and whose number ends their name."""

import base64
from typing import Any

from infra.providers.gcp.calls import Calls
from infra.providers.gcp.hooks import Hook
from infra.providers.kit.values import Properties

_VERSIONS = "projects.secrets.versions"


class VersionHook(Hook):
    """A version of a secret."""

    def parse_id(self, identity: str) -> Properties:
        """Return the secret of `projects/<p>/secrets/<s>/versions/<number>`."""
        return {"name": identity, "secret": identity.partition("/versions/")[0]}

    def create_arguments(self, calls: Calls, args: dict[str, Any], inputs: Properties) -> dict[str, Any]:
        """Send the payload in base64."""
        text = str(inputs.get("secretData", ""))
        data = text if inputs.get("isSecretDataBase64") else base64.b64encode(text.encode()).decode()
        return {**args, "payload": {"data": data}}

    def after_create(self, calls: Calls, inputs: Properties, known: dict[str, Any]) -> None:
        """Enable or disable it, whatever it is: so does the real provider."""
        _switch(calls, inputs, known)

    def after_update(self, calls: Calls, inputs: Properties, olds: Properties, known: dict[str, Any]) -> None:
        """Enable or disable it."""
        if bool(inputs.get("enabled")) != bool(olds.get("enabled")):
            _switch(calls, inputs, known)

    def document(self, calls: Calls, document: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        """Add the number."""
        return {**document, "version": document["name"].rpartition("/")[2]}


def _switch(calls: Calls, inputs: Properties, known: dict[str, Any]) -> None:
    word = "enable" if inputs.get("enabled") else "disable"
    calls(f"{_VERSIONS}.{word}", name=known["id"])
