"""SageMaker: values that the real plugin records in its own way."""

from typing import Any

from infra.providers.aws.calls import Calls
from infra.providers.aws.hooks import Hook


class TrackingServerHook(Hook):
    """A tracking server."""

    def document(self, calls: Calls, document: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        """Keep only major and minor of the version, as the real plugin records it."""
        version = document.get("MlflowVersion")
        return {**document, "MlflowVersion": ".".join(version.split(".")[:2])} if version else document
