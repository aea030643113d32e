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
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the time, in UTC."""
        with self._lock:
            return datetime.now(UTC) + self._ahead

    def advance(self, by: timedelta) -> None:
        """Move the clock forward. Raises ValueError when asked to go back."""
        if by < timedelta():
            raise ValueError(f"a clock goes forward only, not by {by}")
        with self._lock:
            self._ahead += by
