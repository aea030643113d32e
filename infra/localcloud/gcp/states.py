"""The state machines of Google's resources (states.toml), with the faults that a test injects into them."""

from pathlib import Path

from infra.localcloud.jobs.states import FaultError, StateMachines, Transition

__all__ = ["FaultError", "Transition", "limit", "transition"]

_MACHINES = StateMachines(Path(__file__).with_name("states.toml"))
transition = _MACHINES.transition
limit = _MACHINES.limit
