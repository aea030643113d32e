"""The resource class of `stile:endpoint:EndpointDeployment`: all models of one Vertex AI endpoint, and its split."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NotRequired, TypedDict

import pulumi

from components.naming import digits

MUTABLE: tuple[str, ...] = ("min_replicas", "max_replicas")
"""What a deployed model may change under its id; all else needs another id, since Vertex cannot change it.

A description's `sha256` and `environment` are no part of what is deployed, but what its version must be: they may
change as long as the version is so. Source: aiplatform v1, projects.locations.endpoints.mutateDeployedModel.
"""


class DeployedModelArgs(TypedDict):
    """One model that an endpoint serves.

    Attributes:
        id: 1 to 10 digits, unique at the endpoint and chosen by the program; `deployed_id` makes one of what is
            deployed. The container sees it as AIP_DEPLOYED_MODEL_ID. Another description needs another id, but for the
            numbers of replicas.
        model: a version's resource name, `projects/<p>/locations/<l>/models/<id>@<version>`; an alias, or no version
            at all, is refused, for it may come to mean something else.
        sha256: digest of the version's canonical model file. It must be the one that the version was registered with,
            the variable STILE_MODEL_SHA256 of its container; a version that says another, or none, is refused.
        machine_type: such as `n1-standard-2`.
        min_replicas: how many always serve, 1 or more.
        max_replicas: how many serve at most; left out, as many as `min_replicas`.
        service_account: e-mail address of the account that the containers act under; left out, Vertex AI's own.
        environment: variables that the version's container must have. Vertex fixes a container's variables when a
            version is uploaded, and none can be given to a deployment: a version that has others is refused, naming
            the variable.
        display_name: shown in the console; left out, the model's own.
    """

    id: pulumi.Input[str]
    model: pulumi.Input[str]
    sha256: pulumi.Input[str]
    machine_type: pulumi.Input[str]
    min_replicas: pulumi.Input[int]
    max_replicas: NotRequired[pulumi.Input[int]]
    service_account: NotRequired[pulumi.Input[str]]
    environment: NotRequired[pulumi.Input[Mapping[str, pulumi.Input[str]]]]
    display_name: NotRequired[pulumi.Input[str]]


class RolloutArgs(TypedDict):
    """How a changed split takes over; left out, at once and watched by nobody.

    Attributes:
        canary_percent: 1 to 99, what the models that had no share before take together while they are watched, in the
            proportions of the new split; left out, they take all of their shares at once and are watched so.
        bake_seconds: how long they are watched, 0 to 3600 seconds; 0 watches nothing, and shifts without a canary. A
            first release is not watched, for there is nothing to go back to.
        alarms: resource names of alert policies, `projects/<p>/alertPolicies/<id>`. An incident of one of them that is
            open in the bake time sends the traffic back to the split before, and fails the update; one that is open
            already fails it before anything is shifted.
    """

    canary_percent: NotRequired[pulumi.Input[int]]
    bake_seconds: NotRequired[pulumi.Input[int]]
    alarms: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]


Step = Literal["deploy", "canary", "bake", "shift", "undeploy", "done"]
"""The steps of an update, in order."""


class EndpointDeployment(pulumi.CustomResource):
    """Every model that a Vertex AI endpoint serves, and who gets which share of the requests.

    The provider for Google Cloud makes endpoints, but deploys nothing to them. This resource owns all of that: one for
    each endpoint, which nobody else may deploy to. An update deploys what is new without traffic, shifts (a canary
    first, if asked for), watches the alarms, shifts to the whole split, and undeploys what is no longer named. At no
    moment does the split add up to anything but 100, and the endpoint never lacks a model that serves. Where a step
    fails, traffic goes back to the split before, and the step that was reached is kept, so that the next update goes on
    from there. A deletion undeploys everything, those without traffic first, and leaves the endpoint itself.

    It fails unless what is live then is what was asked for: versions, digests, machines and split.

    It works on the real Vertex AI and on the local one alike, and alone: an endpoint of any origin will do.

    Attributes:
        endpoint: as given.
        live: id -> the version's resource name, as Vertex AI answered after the last step.
        live_split: id -> percent, as Vertex AI answered after the last step.
        reached: the last step that was begun, one of `Step`; `done` once everything is as asked.
    """

    endpoint: pulumi.Output[str]
    live: pulumi.Output[dict[str, str]]
    live_split: pulumi.Output[dict[str, int]]
    reached: pulumi.Output[str]

    _NAMES: ClassVar[dict[str, str]] = {
        "deployed_models": "deployedModels",
        "machine_type": "machineType",
        "min_replicas": "minReplicas",
        "max_replicas": "maxReplicas",
        "service_account": "serviceAccount",
        "display_name": "displayName",
        "traffic_split": "trafficSplit",
        "canary_percent": "canaryPercent",
        "bake_seconds": "bakeSeconds",
        "live_split": "liveSplit",
    }

    def __init__(
        self,
        resource_name: str,
        *,
        endpoint: pulumi.Input[str],
        deployed_models: Sequence[DeployedModelArgs],
        traffic_split: pulumi.Input[Mapping[str, pulumi.Input[int]]],
        rollout: RolloutArgs | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare what an endpoint serves.

        Args:
            resource_name: the logical name.
            endpoint: the endpoint's resource name, `projects/<p>/locations/<l>/endpoints/<id>`, whose location says
                which of Google's hosts is asked; another endpoint replaces the resource.
            deployed_models: at least one.
            traffic_split: id of a deployed model -> whole percent; they add up to 100. A model that is not in it is
                deployed and gets nothing.
            rollout: how a change takes over.
            opts: the engine's options; `custom_timeouts` bounds the waiting, 2 hours if it says nothing.
        """
        props: dict[str, Any] = {
            "endpoint": endpoint,
            "deployed_models": deployed_models,
            "traffic_split": traffic_split,
            "rollout": rollout,
            "live": None,
            "live_split": None,
            "reached": None,
        }
        super().__init__("stile:endpoint:EndpointDeployment", resource_name, props, opts)

    def translate_input_property(self, prop: str) -> str:
        """Give the engine's name of a property of this class; keys of inner objects come here too."""
        return self._NAMES.get(prop, prop)

    def translate_output_property(self, prop: str) -> str:
        """Give this class's name of one of the engine's properties."""
        return {engine: ours for ours, engine in self._NAMES.items()}.get(prop, prop)


def deployed_id(content: Mapping[str, Any]) -> str:
    """Return ten digits that stand for what is deployed: the same content, the same id.

    `content` is plain and can be written as JSON. The first digit is not 0. Two of a billion contents share an id, and
    one endpoint has a handful.
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return digits(text, 10)
