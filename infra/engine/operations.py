"""Preview, up, refresh and destroy of an environment by the real Pulumi CLI, as plain `pulumi` does them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pulumi import automation

from infra.engine import recovery
from infra.engine.events import Journal, Message, Step, Watch, count
from infra.engine.session import Session, shown
from infra.errors import ProvisioningError

Act = Callable[[automation.OnEvent], object]


@dataclass(frozen=True)
class Outcome:
    """What an operation did, or would do.

    Attributes:
        changes: how many resources had each change, by the engine's word; `same` among them.
        steps: the changes in order.
        seconds: wall time.
        outputs: the stack's outputs after an `up`, without secrets; else empty.
    """

    changes: Mapping[str, int]
    steps: tuple[Step, ...]
    seconds: float
    outputs: Mapping[str, Any]

    @property
    def created(self) -> int:
        """How many resources were created."""
        return count(self.changes, "create")

    @property
    def changed(self) -> int:
        """How many resources did not stay as they were."""
        return sum(self.changes.values()) - self.changes.get("same", 0)


def preview(session: Session, watch: Watch) -> Outcome:
    """Tell what `up` would do.

    Raises:
        ProvisioningError: the program or a plugin failed; carries every failure, with the resource's URN.
    """
    recovery.catch_up(session, watch, refresh)
    return perform(
        session, "preview", watch, lambda record: session.stack.preview(on_event=record, program=session.program)
    )


def up(session: Session, watch: Watch) -> Outcome:
    """Make the environment what its configuration says; raises ProvisioningError."""
    recovery.catch_up(session, watch, refresh)
    outcome = perform(session, "up", watch, lambda record: session.stack.up(on_event=record, program=session.program))
    recovery.remember_boot(session)
    return outcome


def refresh(session: Session, watch: Watch, *, preview_only: bool = False) -> Outcome:
    """Make the state what the cloud says, or only tell the difference; raises ProvisioningError."""

    def act(record: automation.OnEvent) -> object:
        if preview_only:
            return session.stack.preview_refresh(on_event=record)
        return session.stack.refresh(on_event=record)

    outcome = perform(session, "refresh", watch, act)
    if not preview_only:
        recovery.remember_boot(session)
    return outcome


def destroy(session: Session, watch: Watch, *, with_data: bool = False) -> Outcome:
    """Delete what the environment consists of; keep what is protected, in the cloud and in the state.

    Protected is what holds data or registered models; the next `up` goes on with it.

    Args:
        session: the environment.
        watch: is told each step.
        with_data: delete what is protected too, with all that it holds.

    Raises:
        ProvisioningError: a resource could not be deleted.
    """
    recovery.catch_up(session, watch, refresh)
    if with_data:
        release_all(session)
    return perform(
        session,
        "destroy",
        watch,
        lambda record: session.stack.destroy(on_event=record, exclude_protected=not with_data),
    )


def perform(session: Session, operation: str, watch: Watch, act: Act) -> Outcome:
    """Run one operation of the Automation API; a lock that a dead process left is released, once.

    Raises:
        ProvisioningError: it failed, or another process works on the stack.
    """
    journal, started = Journal(watch), time.monotonic()
    try:
        result = recovery.unlocked(session, watch, lambda: act(journal.record))
    except (automation.CommandError, KeyboardInterrupt) as error:
        if operation != "preview":
            recovery.note(session, journal.cut_off(), watch)
        if isinstance(error, KeyboardInterrupt):
            raise
        raise journal.error(operation, str(error)) from error
    outputs = shown(result.outputs) if isinstance(result, automation.UpResult) else {}
    return Outcome(journal.changes, tuple(journal.steps), time.monotonic() - started, outputs)


def resources_of(session: Session) -> list[Mapping[str, Any]]:
    """Return the resources in the state."""
    deployment = session.stack.export_stack().deployment or {}
    resources: list[Mapping[str, Any]] = deployment.get("resources", [])
    return resources


def protected(session: Session) -> list[Mapping[str, Any]]:
    """Return the resources in the state that `destroy` keeps."""
    return [resource for resource in resources_of(session) if resource.get("protect")]


def release_all(session: Session) -> None:
    """Mark nothing in the state as protected or to be retained any more; the next `up` marks it again."""
    exported = session.stack.export_stack()
    if not exported.deployment:
        return
    for resource in exported.deployment.get("resources", []):
        resource.pop("protect", None)
        resource.pop("retainOnDelete", None)
    session.stack.import_stack(exported)


__all__ = ["Message", "Outcome", "ProvisioningError", "Step", "destroy", "preview", "protected", "refresh", "up"]
