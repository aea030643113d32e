"""Monitoring: deletions of channels, names of conditions, dashboards, whose only input is their whole JSON."""

import json
from typing import Any

from infra.providers.gcp.calls import Calls
from infra.providers.gcp.hooks import Hook
from infra.providers.kit.tables import Call
from infra.providers.kit.values import Properties

_OF_SERVER = ("name", "etag")


def _project(identity: str) -> Properties:
    """Return name and project of `projects/<p>/...`."""
    return {"name": identity, "project": identity.split("/")[1]} if identity.startswith("projects/") else {}


class ChannelHook(Hook):
    """A notification channel, which policies may still name."""

    def parse_id(self, identity: str) -> Properties:
        """Return name and project."""
        return _project(identity)

    def delete(self, calls: Calls, outputs: Properties, known: dict[str, Any]) -> bool:
        """Delete it, and take it off all policies if the program says so."""
        force = bool(outputs.get("forceDelete"))
        calls("projects.notificationChannels.delete", name=known["id"], force=force)
        return True


class AlertPolicyHook(Hook):
    """An alert policy."""

    def parse_id(self, identity: str) -> Properties:
        """Return name and project."""
        return _project(identity)


class DashboardHook(Hook):
    """A dashboard; what the server adds to its JSON is no difference."""

    def parse_id(self, identity: str) -> Properties:
        """Return name and project."""
        return _project(identity)

    def create_arguments(self, calls: Calls, args: dict[str, Any], inputs: Properties) -> dict[str, Any]:
        """Send the whole JSON."""
        return {**args, "body": json.loads(inputs["dashboardJson"])}

    def update_arguments(self, call: Call, args: dict[str, Any], inputs: Properties) -> dict[str, Any]:
        """Send the whole JSON."""
        return {**args, "body": json.loads(inputs["dashboardJson"])}

    def document(self, calls: Calls, document: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        """Return the JSON without what the server added to it."""
        live: Any = {key: value for key, value in document.items() if key not in _OF_SERVER}
        if known.get("dashboardJson"):
            live = _only(live, json.loads(known["dashboardJson"]))
        return {**document, "dashboardJson": live}


def _only(live: Any, given: Any) -> Any:
    """Return what is live of the keys that are given, however deep."""
    if isinstance(live, dict) and isinstance(given, dict):
        return {key: _only(value, given[key]) for key, value in live.items() if key in given}
    if isinstance(live, list) and isinstance(given, list) and len(live) == len(given):
        return [_only(one, other) for one, other in zip(live, given, strict=True)]
    return live
