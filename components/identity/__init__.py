"""The identity stage: the roles under which jobs, pipelines, endpoints and MLflow act."""

from collections.abc import Mapping
from typing import NotRequired, Protocol, TypedDict

import pulumi

from components.naming import Naming
from components.stages import Grants, Role


class IdentityArgs(TypedDict):
    """What the stage takes; `existing` holds roles that are not to be created, whose permissions are their owner's."""

    naming: Naming
    existing: NotRequired[Mapping[Role, pulumi.Input[str]]]


class Identity(Protocol):
    """What every cloud's identity stage provides."""

    @property
    def roles(self) -> Mapping[Role, pulumi.Output[str]]:
        """Each role's identifier: an ARN on AWS, an e-mail address on Google Cloud."""
        ...

    def allow(self, what: str, grants: Grants) -> Mapping[Role, pulumi.Resource]:
        """Let the roles do what these statements say; return per role what must exist before it may."""
        ...
