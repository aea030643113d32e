"""Protects that the time which schedules go by can be moved forward, and only forward."""

from datetime import UTC, datetime, timedelta

import pytest

from infra.localcloud.jobs.clock import AdvancedClock, WallClock


def test_an_advanced_clock_is_ahead_by_what_it_was_advanced() -> None:
    clock, wall = AdvancedClock(), WallClock()
    before = wall.now()
    clock.advance(timedelta(days=1))
    clock.advance(timedelta(hours=1))
    assert timedelta(days=1, hours=1) <= clock.now() - before
    assert clock.now() - wall.now() <= timedelta(days=1, hours=1)
    assert clock.now().tzinfo is UTC


def test_a_clock_does_not_go_back() -> None:
    clock = AdvancedClock()
    with pytest.raises(ValueError, match="forward only"):
        clock.advance(timedelta(seconds=-1))
    assert clock.now() - datetime.now(UTC) <= timedelta()
