"""The budget stage: what a month may cost, and who hears when it is used up."""

from collections.abc import Sequence
from typing import NotRequired, Protocol, TypedDict

import pulumi

from components.naming import Naming
from components.place import Place


class BudgetArgs(TypedDict):
    """What the stage takes: the limit in US dollars, and the shares of it at which `topic` is told."""

    naming: Naming
    place: NotRequired[Place]
    monthly_usd: float
    alert_at: Sequence[float]
    topic: pulumi.Input[str]
    depends_on: NotRequired[Sequence[pulumi.Resource]]


class Budget(Protocol):
    """What every cloud's budget stage provides."""

    @property
    def name(self) -> pulumi.Output[str]:
        """The budget's name."""
        ...
