"""Which of a cloud's machine types meet a need (cpus, memory), or a name; the facts are in machines.toml."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from components.spec import Machine

Use = Literal["training", "processing", "endpoint"]


@dataclass(frozen=True)
class MachineType:
    """One machine type of a cloud.

    Attributes:
        type: the cloud's name of it.
        cpus: virtual CPUs.
        memory_gib: memory in GiB.
        uses: what it may be used for.
        preferred: whether a need may be resolved to it.
    """

    type: str
    cpus: int
    memory_gib: float
    uses: frozenset[str]
    preferred: bool = True


class NoMachineError(LookupError):
    """No type of this cloud meets the need.

    Attributes:
        allowed: what would be met.
    """

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message)
        self.allowed = allowed


@cache
def machine_types(cloud: str) -> tuple[MachineType, ...]:
    """Return the known types of a cloud; none for a cloud that is not in the table."""
    table = tomllib.loads(resources.files("components").joinpath("machines.toml").read_text(encoding="utf-8"))
    rows = table.get(cloud, {}).get("machines", [])
    return tuple(MachineType(**{**row, "uses": frozenset(row["uses"])}) for row in rows)


def fitting(cloud: str, use: Use, wanted: Machine | str) -> tuple[MachineType, ...]:
    """Return the preferred types that meet a need, the smallest first, or the named type if it may be used so.

    Smallest is fewest cpus, then least memory, then the name. Which of them is taken depends on prices, which are no
    business of the components. Raises NoMachineError, which says what would be met.
    """
    usable = [machine for machine in machine_types(cloud) if use in machine.uses]
    if isinstance(wanted, str):
        return (_named(usable, use, wanted),)
    preferred = [machine for machine in usable if machine.preferred]
    found = [one for one in preferred if one.cpus >= wanted.cpus and one.memory_gib >= wanted.memory_gib]
    if not found:
        cpus = max((machine.cpus for machine in preferred), default=0)
        memory = max((machine.memory_gib for machine in preferred), default=0)
        raise NoMachineError(
            f"no {use} machine has {wanted.cpus} cpus and {wanted.memory_gib:g} GiB",
            f"at most {cpus} cpus and {memory:g} GiB",
        )
    return tuple(sorted(found, key=lambda machine: (machine.cpus, machine.memory_gib, machine.type)))


def _named(usable: list[MachineType], use: Use, wanted: str) -> MachineType:
    for machine in usable:
        if machine.type == wanted:
            return machine
    raise NoMachineError(
        f"{wanted} is no {use} machine", ", ".join(sorted(machine.type for machine in usable)) or "none on this cloud"
    )
