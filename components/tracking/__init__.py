"""The tracking stage: MLflow, where every run's parameters, metrics and plots are kept."""

from collections.abc import Sequence
from typing import Literal, NotRequired, Protocol, TypedDict

import pulumi

from components.naming import Naming
from components.place import Place
from components.stages import Grants


class TrackingArgs(TypedDict):
    """What the stage takes.

    `mode`: managed (the cloud's own, without servers), server (the cloud's tracking server), external (`url`).
    `artifacts_uri`: the folder of the data bucket for artifacts. `role`: under which the server acts.
    """

    naming: Naming
    place: NotRequired[Place]
    mode: Literal["managed", "server", "external"]
    artifacts_uri: NotRequired[pulumi.Input[str]]
    role: NotRequired[pulumi.Input[str]]
    url: NotRequired[pulumi.Input[str]]
    depends_on: NotRequired[Sequence[pulumi.Resource]]


class Tracking(Protocol):
    """What every cloud's tracking stage provides."""

    @property
    def uri(self) -> pulumi.Output[str]:
        """What MLFLOW_TRACKING_URI is set to."""
        ...

    @property
    def grants(self) -> Grants:
        """The right to log runs, for the jobs that do; nothing for a server that is not the cloud's."""
        ...
