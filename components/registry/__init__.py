"""The registry stage: where a model's versions are registered, approved and rejected."""

from typing import NotRequired, Protocol, TypedDict

import pulumi

from components.naming import Naming
from components.place import Place
from components.stages import Grants


class RegistryArgs(TypedDict):
    """What the stage takes; `group_arn` names a group that exists."""

    naming: Naming
    place: NotRequired[Place]
    model: str
    group_arn: NotRequired[pulumi.Input[str]]


class Registry(Protocol):
    """What every cloud's registry stage provides, for one model."""

    @property
    def group(self) -> pulumi.Output[str]:
        """The name under which the model's versions are registered."""
        ...

    @property
    def grants(self) -> Grants:
        """The right to read versions, for evaluate, and to register them, for register."""
        ...

    def version(self, number: str) -> pulumi.Output[str]:
        """Return the identifier of a version; the model package's ARN on AWS."""
        ...
