"""The monitoring stage: alarms, who hears of them, dashboards and logs, from the first `up`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NotRequired, Protocol, TypedDict

import pulumi

from components.naming import Naming
from components.place import Place
from components.spec import Alarm
from components.spec import Monitoring as MonitoringSpec


@dataclass(frozen=True)
class Watched:
    """What monitoring provides for one model.

    Attributes:
        alarms: the name of each kind of alarm.
        dashboard: the dashboard's name.
        logs: the log group of the serving containers.
        resources: what must exist before an endpoint does.
    """

    alarms: Mapping[Alarm, pulumi.Output[str]]
    dashboard: pulumi.Output[str]
    logs: pulumi.Output[str]
    resources: Sequence[pulumi.Resource]


class MonitoringArgs(TypedDict):
    """What the stage takes; `topic` names one that exists, whose subscriptions and policy are its owner's."""

    naming: Naming
    place: NotRequired[Place]
    monitoring: MonitoringSpec
    models: Sequence[str]
    region: str
    topic: NotRequired[pulumi.Input[str]]


class Monitoring(Protocol):
    """What every cloud's monitoring stage provides."""

    @property
    def topic(self) -> pulumi.Output[str]:
        """Where alarms and budgets are told."""
        ...

    @property
    def models(self) -> Mapping[str, Watched]:
        """What watches each model."""
        ...

    @property
    def resources(self) -> Sequence[pulumi.Resource]:
        """What must exist before another service may tell the topic."""
        ...
