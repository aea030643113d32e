"""The endpoint stage: what serves a model, and the check that it serves the one asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired, Protocol, TypedDict

import pulumi

from components.naming import Naming, digits
from components.place import Place
from components.spec import Endpoint as EndpointSpec
from components.spec import Release, Rollout
from components.training import NetworkIds

VARIANT = "AllTraffic"
"""The name of an endpoint's only variant; alarms and dashboards ask for it."""


@dataclass(frozen=True)
class Serving:
    """How one model is served, plain and known.

    Attributes:
        model: the model's name.
        use_case: its use case.
        machine: the machine type, resolved already.
        endpoint: instances and capture.
        rollout: how a release takes over.
        release: the version that is served; None before the first release.
        network: the VPC's parts, if there is one.
    """

    model: str
    use_case: str
    machine: str
    endpoint: EndpointSpec
    rollout: Rollout
    release: Release | None = None
    network: NetworkIds | None = None


class EndpointArgs(TypedDict):
    """What the stage takes.

    `version`: the registered version's identifier, given with a release. `role`: under which containers serve.
    `data_uri` and `key`: the data bucket, for captured requests. `alarms`: what stops a rollout, at least one.
    """

    naming: Naming
    place: NotRequired[Place]
    serving: Serving
    role: pulumi.Input[str]
    data_uri: pulumi.Input[str]
    key: pulumi.Input[str]
    version: NotRequired[pulumi.Input[str] | None]
    alarms: Sequence[pulumi.Input[str]]
    region: NotRequired[str]
    depends_on: NotRequired[Sequence[pulumi.Resource]]


class Endpoint(Protocol):
    """What every cloud's endpoint stage provides, for one model."""

    @property
    def name(self) -> pulumi.Output[str] | None:
        """The endpoint's name once it serves what was asked; None before the first release."""
        ...


def endpoint_name(naming: Naming, model: str) -> str:
    """Return a model's endpoint's name, which alarms know before there is an endpoint."""
    return naming.of(model)


def endpoint_id(naming: Naming, model: str) -> str:
    """Return a model's endpoint's id on Vertex AI, which alarms know before there is an endpoint.

    It is a digest of the name; two of a billion names share one. An id that begins with a digit has 1 to 9 of them
    (aiplatform v1, endpoints.create, endpointId), and the provider takes digits alone.
    """
    return digits(endpoint_name(naming, model), 9)
