"""The cost model: per resource type, what it is charged for, read from types/<cloud>.toml."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from components.machines import Use

FOLDER = Path(__file__).with_name("types")
INPUT, USAGE = "input:", "usage:"


class Part(BaseModel):
    """A part of the model: it cannot be changed, and takes no key that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _texts(value: object) -> object:
    """Numbers and truths stand in the file as they do in a resource; they are compared as text, in lower case."""
    return tuple(str(item).lower() for item in value) if isinstance(value, list) else value


Values = Annotated[tuple[str, ...], BeforeValidator(_texts)]


class Machine(Part):
    """A machine type that is sold by its parts where the book has no price of the whole.

    Attributes:
        type: the path of the type.
        core: what a core is sold as; {family} is the type's name up to its first hyphen.
        core_unit: the unit of that.
        memory: what a GiB of memory is sold as.
        memory_unit: the unit of that.
    """

    type: str
    core: str
    core_unit: str
    memory: str
    memory_unit: str


class Line(Part):
    """One thing that a resource is charged for.

    Attributes:
        what: what it is, in words.
        service, sku: as in the price book; {path} in it is the input of that path, in lower case.
        unit: as in units.toml.
        quantity: factors: numbers, `input:<path>`, `usage:<path>`; their product, counted in units, is the quantity.
        each: the path of a list of inputs; the line is charged for each item, and paths begin in it.
        when: it is charged only if the inputs of these paths have one of these values; `*` is any.
        unless: it is not charged if one of these inputs has one of these values.
        differ: it is charged only if these two inputs differ.
        machine: how a machine is priced by its parts.
        use: what the machines of this line are for: a need of that use is met by the type that is cheapest here.
        only: it is charged only if this figure of the usage is not 0.
        idle: the figure of the usage that says whether anybody asks: where it is 0, the line says that it is idle.
        unknown: why it cannot be priced, where that is so.
    """

    what: str
    service: str
    sku: str
    unit: str
    quantity: tuple[str, ...] = Field(min_length=1)
    each: str | None = None
    when: Mapping[str, Values] = {}
    unless: Mapping[str, Values] = {}
    differ: tuple[str, str] | None = None
    machine: Machine | None = None
    use: Use | None = None
    only: str | None = None
    idle: str | None = None
    unknown: str | None = None


class ResourceType(Part):
    """What a type costs: lines, or nothing with a source, or unknown with a reason.

    Attributes:
        lines: what it is charged for.
        defaults: the inputs that the cloud sets where the program gives none, by path.
        free: why it costs nothing.
        source: where that stands.
        unknown: why nobody can say what it costs.
    """

    lines: tuple[Line, ...] = ()
    defaults: Mapping[str, Any] = {}
    free: str | None = None
    source: str | None = None
    unknown: str | None = None

    @model_validator(mode="after")
    def _is_one_of_three(self) -> "ResourceType":
        if sum((bool(self.lines), self.free is not None, self.unknown is not None)) != 1:
            raise ValueError("a type has lines, or is free, or is unknown")
        if (self.free is None) != (self.source is None):
            raise ValueError("what is free has a source, and nothing else has")
        return self


CostModel = Mapping[str, ResourceType]
"""Resource types by their tokens."""


@cache
def cost_model(cloud: str) -> CostModel:
    """Return the model of a cloud.

    Raises:
        ValidationError: the table is wrong; a test holds that it is not.
    """
    table = tomllib.loads((FOLDER / f"{cloud}.toml").read_text(encoding="utf-8"))
    return {name: ResourceType.model_validate(row) for name, row in table["types"].items()}
