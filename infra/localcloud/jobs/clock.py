"""The time that jobs and schedules go by: wall time, or a clock that a test or `local clock` moves."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time. Always passed in, so that whoever owns it can move it."""

    def now(self) -> datetime:
        """Return the time, in UTC."""
        ...


class WallClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.now(UTC)


class AdvancedClock:
    """Wall time, moved forward by what it was advanced."""

    def __init__(self) -> None:
        self._ahead = timedelta()
        self._version = 0
        self._changed = threading.Condition()

    @property
    def version(self) -> int:
        """Counts how often the clock was advanced or woken."""
        with self._changed:
            return self._version

    def now(self) -> datetime:
        """Return the time, in UTC."""
        with self._changed:
            return datetime.now(UTC) + self._ahead

    def advance(self, by: timedelta) -> None:
        """Move the clock forward. Raises ValueError when asked to go back."""
        if by < timedelta():
            raise ValueError(f"a clock goes forward only, not by {by}")
        with self._changed:
            self._ahead += by
            self.wake()

    def wake(self) -> None:
        """Let those who wait look anew what they wait for."""
        with self._changed:
            self._version += 1
            self._changed.notify_all()

    def wait_until(self, moment: datetime, since: int) -> None:
        """Wait until the clock shows a moment; ends early if it is advanced or woken, or was since that version."""
        with self._changed:
            seconds = (moment - self.now()).total_seconds()
            self._changed.wait_for(lambda: self._version != since, max(0.0, seconds))
