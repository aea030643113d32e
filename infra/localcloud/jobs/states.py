"""State machines as data (a table per cloud), and the faults that a test injects into them."""

import fnmatch
import os
import threading
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

FAULTS_NAME = "faults.toml"
HELD_POLL_SECONDS = 0.05


class FaultError(Exception):
    """A failure that a test asked for; its text is the reason that the resource shows."""


@dataclass(frozen=True)
class Transition:
    """One action of a state machine.

    Attributes:
        during, done, failed: the statuses while it lasts, after success, and after failure.
        delay_seconds: how long it lasts at least.
        fault: the reason for which it is to fail, None without an injected fault.
        held: true as long as an injected fault holds it up.
    """

    during: str
    done: str
    failed: str
    delay_seconds: float
    fault: str | None = None
    held: Callable[[], bool] = lambda: False

    @property
    def is_instant(self) -> bool:
        """Whether nothing delays it."""
        return self.delay_seconds == 0 and not self.held()

    def run(self, work: Callable[[], None], ended: Callable[[str, str | None], None]) -> threading.Thread:
        """Do the work in a thread of its own, then tell the status that it ended in, and the reason if it failed.

        A failure of the work is the resource's failure: its text becomes the reason.
        """
        thread = threading.Thread(target=self._go, args=(work, ended), daemon=True)
        thread.start()
        return thread

    def _go(self, work: Callable[[], None], ended: Callable[[str, str | None], None]) -> None:
        try:
            self.begin()
            work()
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the resource must show it and not hang
            ended(self.failed, str(error) or type(error).__name__)
        else:
            ended(self.done, None)

    def begin(self) -> None:
        """Take the time that it takes; raises FaultError where a fault was asked for."""
        # Nobody signals the event: the delay is the fact that is emulated.
        threading.Event().wait(self.delay_seconds)
        while self.held():
            threading.Event().wait(HELD_POLL_SECONDS)  # the pace of reading the file
        if self.fault is not None:
            raise FaultError(self.fault)


class StateMachines:
    """The state machines of one cloud.

    Args:
        path: their table; per machine and action `during`, `done`, `failed` and `delay_seconds`, and `limits`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def transition(self, machine: str, action: str, name: str) -> Transition:
        """Return the transition of an action on the named resource, with the faults that were asked for.

        Faults stand in `faults.toml` in the local cloud's home (STILE_LOCAL_HOME), read anew each time:
        `[[fault]]` with `machine`, `action`, `name` (a pattern, default `*`), and `reason`, `delay_seconds` and/or
        `held = true`: it lasts until no such fault stands there any more.
        """
        facts = dict(self._machines[machine][action])
        for fault in _faults(machine, action, name):
            facts["fault"] = fault.get("reason")
            facts["delay_seconds"] = fault.get("delay_seconds", facts["delay_seconds"])
        return Transition(**facts, held=lambda: any(fault.get("held") for fault in _faults(machine, action, name)))

    def limit(self, machine: str, what: str, name: str) -> float:
        """Return a limit of a state machine for the named resource; a fault whose `action` it is may set `limit`."""
        found = self._machines[machine]["limits"][what]
        for fault in _faults(machine, what, name):
            found = fault["limit"]
        return float(found)

    @cached_property
    def _machines(self) -> dict[str, dict[str, Any]]:
        return tomllib.loads(self._path.read_text())


def _faults(machine: str, action: str, name: str) -> list[dict[str, Any]]:
    path = Path(os.environ.get("STILE_LOCAL_HOME", "."), FAULTS_NAME)
    if not path.is_file():
        return []
    return [
        fault
        for fault in tomllib.loads(path.read_text())["fault"]
        if (fault["machine"], fault["action"]) == (machine, action)
        and fnmatch.fnmatchcase(name, fault.get("name", "*"))
    ]
