"""Cloud Scheduler: jobs that are paused or not."""

from typing import Any

from infra.providers.gcp.calls import Calls
from infra.providers.gcp.hooks import Hook
from infra.providers.kit.values import Properties


class JobHook(Hook):
    """A job, which is made running."""

    def after_create(self, calls: Calls, inputs: Properties, known: dict[str, Any]) -> None:
        """Pause or resume it, whatever it is: so does the real provider."""
        _switch(calls, inputs, known)

    def after_update(self, calls: Calls, inputs: Properties, olds: Properties, known: dict[str, Any]) -> None:
        """Pause or resume it, if that changed."""
        if bool(inputs.get("paused")) != (olds.get("state") == "PAUSED"):
            _switch(calls, inputs, known)


def _switch(calls: Calls, inputs: Properties, known: dict[str, Any]) -> None:
    word = "pause" if inputs.get("paused") else "resume"
    calls(f"projects.locations.jobs.{word}", name=known["id"], body={})
