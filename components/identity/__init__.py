"""The identity stage: the roles under which jobs, pipelines, endpoints and MLflow act."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, Protocol, TypedDict

import pulumi

from components.naming import Naming
from components.place import Place
from components.stages import Grants, Role


class IdentityArgs(TypedDict):
    """What the stage takes.

    `region`: where the roles' logs are, everywhere if none is given. `private`: whether jobs and endpoints run in a
    VPC. `baked`: models whose rollouts are watched by alarms. `existing` holds roles that are not to be created, whose
    permissions are their owner's.
    """

    naming: Naming
    place: NotRequired[Place]
    region: NotRequired[str]
    private: NotRequired[bool]
    baked: NotRequired[Sequence[str]]
    existing: NotRequired[Mapping[Role, pulumi.Input[str]]]


class Identity(Protocol):
    """What every cloud's identity stage provides."""

    @property
    def roles(self) -> Mapping[Role, pulumi.Output[str]]:
        """Each role's identifier: an ARN on AWS, an e-mail address on Google Cloud."""
        ...

    @property
    def grants(self) -> Grants:
        """What the roles need for themselves: their logs and metrics, and the pipeline's to start the jobs."""
        ...

    def allow(self, what: str, grants: Grants) -> Mapping[Role, Sequence[pulumi.Resource]]:
        """Let the roles do what these statements say; return per role what must exist before it may."""
        ...
