"""The engine: Pulumi's own CLI, driven for one environment at a time."""

from infra.engine.events import Message, Step, Watch
from infra.engine.operations import Outcome, destroy, preview, protected, refresh, up
from infra.engine.session import Session, open_session

__all__ = [
    "Message",
    "Outcome",
    "Session",
    "Step",
    "Watch",
    "destroy",
    "open_session",
    "preview",
    "protected",
    "refresh",
    "up",
]
