"""The resource class of `stile:endpoint:Live`, the check that what is live is what was asked for."""

from typing import ClassVar

import pulumi


class Live(pulumi.CustomResource):
    """Holds an update back until the endpoint serves what was asked, and fails it when something else is live.

    Nothing is made and nothing is deleted: declare what the check guards as depending on it.

    Attributes:
        live: the name of the endpoint configuration that is live.
        live_version: the model version that is live.
    """

    live: pulumi.Output[str]
    live_version: pulumi.Output[str]

    _NAMES: ClassVar[dict[str, str]] = {
        "cloud": "cloud",
        "endpoint_name": "endpointName",
        "asked": "asked",
        "model_version": "modelVersion",
        "region": "region",
        "live": "live",
        "live_version": "liveVersion",
    }

    def __init__(
        self,
        resource_name: str,
        *,
        cloud: pulumi.Input[str],
        endpoint_name: pulumi.Input[str],
        asked: pulumi.Input[str],
        model_version: pulumi.Input[str],
        region: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the check.

        Args:
            resource_name: the logical name.
            cloud: whose API is asked; only `aws` so far.
            endpoint_name: the endpoint's physical name; another one replaces the check.
            asked: name of the endpoint configuration that must be live.
            model_version: the model version that the configuration's model must carry.
            region: the endpoint's region; None = the one of the environment (AWS_REGION).
            opts: the engine's options.
        """
        props = {
            "cloud": cloud,
            "endpoint_name": endpoint_name,
            "asked": asked,
            "model_version": model_version,
            "region": region,
            "live": None,
            "live_version": None,
        }
        super().__init__("stile:endpoint:Live", resource_name, props, opts)

    def translate_input_property(self, prop: str) -> str:
        """Give the engine's name of a property of this class."""
        return self._NAMES.get(prop, prop)

    def translate_output_property(self, prop: str) -> str:
        """Give this class's name of one of the engine's properties."""
        return {engine: ours for ours, engine in self._NAMES.items()}.get(prop, prop)
