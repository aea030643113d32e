"""Going on after an interruption: locks of the dead, operations that never ended, a local cloud that started anew."""

import contextlib
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import psutil
from pulumi import automation

from infra.engine import pending
from infra.engine.events import CutOff, Message, Watch, last_words
from infra.engine.session import Session
from infra.errors import ProvisioningError

T = TypeVar("T")
Refresh = Callable[[Session, Watch], object]

PLUGIN_NAMES = ("pulumi-resource", "pulumi-languag")  # the kernel keeps 15 letters of a name
# How the CLI's file and bucket backends name a lock's holder.
HOLDER = re.compile(r"created by (?P<user>\S+)@(?P<host>\S+) \(pid (?P<pid>\d+)\)")
SINCE = re.compile(r"\(pid \d+\) at (?P<since>\S+)")


def catch_up(session: Session, watch: Watch, refresh: Refresh) -> None:
    """Bring the state up to date where something happened behind the engine's back.

    Raises:
        ProvisioningError: the refresh failed, or the cloud does not say what came of an operation.
    """

    def read_anew() -> None:
        refresh(session, lambda seen: watch(seen) if isinstance(seen, Message) else None)

    hands = pending.Hands(
        refresh=read_anew,
        write=lambda deployment: write(session, watch, deployment),
        remove=lambda urns: remove(session, watch, urns),
    )
    end_orphans(session)
    pending.settle(session, watch, hands)
    if is_new_boot(session):
        watch(Message("info", "the local cloud started anew and holds nothing of before; refreshing the state first"))
        read_anew()
        remember_boot(session)


def note(session: Session, steps: Sequence[CutOff], watch: Watch) -> None:
    """Remember which steps were cut off, for the next command to ask the cloud about."""
    if steps:
        pending.note(session, steps, watch, lambda deployment: write(session, watch, deployment))


def write(session: Session, watch: Watch, deployment: automation.Deployment) -> None:
    """Put a deployment in place of the state's."""
    unlocked(session, watch, lambda: session.stack.import_stack(deployment))


def remove(session: Session, watch: Watch, urns: list[str]) -> None:
    """Delete resources and what depends on them; raises ProvisioningError."""
    try:
        unlocked(session, watch, lambda: session.stack.destroy(target=urns, target_dependents=True))
    except automation.CommandError as error:
        raise ProvisioningError(f"what failed cannot be removed: {last_words(str(error))}", path=urns[0]) from error


def boot_path(session: Session) -> Path:
    """Return the file that names the boot of the local cloud which the state was last true of."""
    return session.environment.state_dir / "local" / f"{session.environment.name}.boot"


def is_new_boot(session: Session) -> bool:
    """True if the state speaks of a boot of the local cloud that is gone."""
    if session.cloud is None:
        return False
    path = boot_path(session)
    known = path.read_text() if path.is_file() else None
    if known is None:
        remember_boot(session)
    return known not in (None, session.cloud.boot_id)


def remember_boot(session: Session) -> None:
    """Note that the state is true of the local cloud's present boot."""
    if session.cloud is not None:
        boot_path(session).write_text(session.cloud.boot_id)


def release_stale_lock(session: Session, said: str, watch: Watch) -> None:
    """Release a stack's lock if the process that took it is dead.

    Raises:
        ProvisioningError: it lives, is another machine's, or is not named: whoever holds the lock must let go of it.
    """
    holder = HOLDER.search(said)
    if holder is None or holder["host"] != socket.gethostname() or is_pulumi(int(holder["pid"])):
        who = f"{holder['user']} on {holder['host']}, process {holder['pid']}" if holder else "somebody else"
        began = SINCE.search(said)
        who += f", since {began['since']}" if began else ""
        raise ProvisioningError(
            f"another process works on {session.environment.name}: {who}",
            path=session.environment.name,
            fix=f"wait until it ends, then again; if it is dead: pulumi cancel -s {session.environment.name}",
        )
    watch(Message("warning", f"process {holder['pid']} died with the stack's lock; releasing it"))
    session.stack.cancel()


def is_pulumi(pid: int) -> bool:
    """True if a process of that number lives and is a Pulumi CLI; another program may have the number by now."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and "pulumi" in process.name()
    except psutil.NoSuchProcess:
        return False


def end_orphans(session: Session) -> None:
    """End the plugins of this environment whose CLI was killed: a vendor's one goes on with its call for minutes."""
    environment = session.environment
    ours = {"STILE_ENVIRONMENT": environment.name, "STILE_STATE_DIR": str(environment.state_dir)}
    orphans = [process for process in psutil.process_iter() if _is_orphan(process, ours)]
    for process in orphans:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(orphans)


def _is_orphan(process: psutil.Process, ours: Mapping[str, str]) -> bool:
    try:
        if not process.name().startswith(PLUGIN_NAMES):
            return False
        parent = process.parent()
        led = parent is not None and is_pulumi(parent.pid)
        return not led and ours.items() <= process.environ().items()
    except psutil.Error:
        return False  # another user's, or it ended just now


def unlocked(session: Session, watch: Watch, act: Callable[[], T]) -> T:
    """Do something that takes the stack's lock; if a dead process holds it, release it and do it again.

    Raises:
        ProvisioningError: a living process holds it.
        CommandError: what the CLI says otherwise.
    """
    try:
        return act()
    except automation.ConcurrentUpdateError as error:
        release_stale_lock(session, str(error), watch)
        return act()
