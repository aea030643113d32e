"""The pipeline stage: one neutral description of a model's pipeline, which each cloud compiles to its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NotRequired, Protocol, TypedDict

import pulumi

from components.naming import Naming
from components.place import Place
from components.stages import StepRole
from components.training import JobTemplate


@dataclass(frozen=True)
class Parameter:
    """A value that a run may be started with."""

    name: str
    type: Literal["Integer", "String"]
    default: str | int


@dataclass(frozen=True)
class FromParameter:
    """A channel whose address is a parameter's value."""

    parameter: str


@dataclass(frozen=True)
class FromOutput:
    """A channel that is another step's output."""

    step: str
    output: str


@dataclass(frozen=True)
class FromModel:
    """A channel that is the model a training step made (a folder with its model.tar.gz)."""

    step: str


Source = FromParameter | FromOutput | FromModel


@dataclass(frozen=True)
class Channel:
    """Data that a step reads.

    Attributes:
        name: the channel's name.
        source: where the data come from.
        folder: where the step finds them, below the folder of inputs.
    """

    name: str
    source: Source
    folder: str


@dataclass(frozen=True)
class Step:
    """One job of a pipeline.

    Attributes:
        name: unique in the pipeline.
        role: under which it runs, one of the pipeline's roles.
        kind: `processing` runs `module` with folders as arguments; `training` makes a model.
        module: the module that runs, with an option per folder; a training step runs the image's own `train`.
        inputs: what it reads.
        outputs: names of what it writes; a training step writes its model only.
        hyperparameters: name -> text, or the name of a parameter.
        after: steps that must have succeeded although nothing of theirs is read.
    """

    name: str
    role: StepRole
    kind: Literal["processing", "training"]
    module: str = ""
    inputs: tuple[Channel, ...] = ()
    outputs: tuple[str, ...] = ()
    hyperparameters: tuple[tuple[str, str | FromParameter], ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Graph:
    """A model's pipeline: its parameters and steps, in an order in which they could run."""

    use_case: str
    parameters: tuple[Parameter, ...]
    steps: tuple[Step, ...]


class PipelineArgs(TypedDict):
    """What the stage takes.

    `candidates`: the use case's estimators, one training step each. `template`: what all jobs share.
    `data_uri`: the data bucket's address. `role`: under which the pipeline starts its jobs. `roles`: under which each
    of those acts; the template's where none is given.
    `group`: under which the versions are registered.
    """

    naming: Naming
    place: NotRequired[Place]
    model: str
    use_case: str
    candidates: Sequence[str]
    template: pulumi.Input[JobTemplate]
    data_uri: pulumi.Input[str]
    role: pulumi.Input[str]
    roles: NotRequired[Mapping[StepRole, pulumi.Input[str]]]
    group: pulumi.Input[str]


class Pipeline(Protocol):
    """What every cloud's pipeline stage provides, for one model."""

    @property
    def name(self) -> pulumi.Output[str]:
        """The name by which a run is started."""
        ...

    @property
    def definition(self) -> pulumi.Output[str]:
        """What the graph was compiled to, in the cloud's own language."""
        ...
