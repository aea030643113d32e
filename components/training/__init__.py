"""The training stage: the template of every job, from which pipelines and single jobs are made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NotRequired, Protocol, TypedDict

import pulumi

from components.naming import Naming
from components.place import Place


@dataclass(frozen=True)
class NetworkIds:
    """Where jobs and endpoints run, if not on the provider's public network."""

    subnet_ids: tuple[str, ...]
    security_group_ids: tuple[str, ...]


@dataclass(frozen=True)
class JobTemplate:
    """What every job has in common, all known; a pipeline adds command, channels and outputs.

    Attributes:
        image_uri: the job image with its digest.
        role: under which the jobs act that have none of their own.
        key: the key that encrypts volumes and outputs.
        machine: the machine type of training jobs.
        processing_machine: the machine type of the other jobs.
        max_seconds: after which a job is stopped.
        volume_gib: the disk of each job.
        network: the VPC's parts, if there is one.
        environment: variables of every job.
    """

    image_uri: str
    role: str
    key: str
    machine: str
    processing_machine: str
    max_seconds: int
    volume_gib: int = 30
    network: NetworkIds | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


class TrainingArgs(TypedDict):
    """What the stage takes: machine types are resolved already, `max_seconds` is in seconds."""

    naming: Naming
    place: NotRequired[Place]
    image_uri: pulumi.Input[str]
    role: pulumi.Input[str]
    key: pulumi.Input[str]
    machine: str
    processing_machine: str
    max_seconds: int
    network: NotRequired[NetworkIds | None]
    environment: NotRequired[Mapping[str, pulumi.Input[str]]]
    depends_on: NotRequired[Sequence[pulumi.Resource]]


class Training(Protocol):
    """What every cloud's training stage provides."""

    @property
    def template(self) -> pulumi.Output[JobTemplate]:
        """The template, once its parts are known."""
        ...
