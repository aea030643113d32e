"""Pub/Sub: topics by their full names."""

from typing import Any

from infra.providers.gcp.calls import Calls
from infra.providers.gcp.hooks import Hook
from infra.providers.kit.values import Properties


class SubscriptionHook(Hook):
    """A subscription, whose topic may be given by its last name alone."""

    def create_arguments(self, calls: Calls, args: dict[str, Any], inputs: Properties) -> dict[str, Any]:
        """Name the topic in full."""
        topic = str(args["topic"])
        project = args["name"].split("/")[1]
        return args if "/" in topic else {**args, "topic": f"projects/{project}/topics/{topic}"}
