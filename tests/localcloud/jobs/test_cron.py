"""Protects that schedules are due when unix-cron says, in their time zone, over the turns of clocks and calendars."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.localcloud.jobs.cron import ScheduleError, parse


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "zone", "begin", "due"),
    [
        ("0 3 * * *", "Etc/UTC", "2026-11-23T02:59", "2026-11-23T03:00"),
        ("0 3 * * *", "Etc/UTC", "2026-11-23T03:00", "2026-11-24T03:00"),
        ("*/15 * * * *", "Etc/UTC", "2026-12-31T23:46", "2027-01-01T00:00"),
        ("0 6 * * 1", "Etc/UTC", "2026-11-23T06:00", "2026-11-30T06:00"),
        ("0 6 * * MON-FRI", "Etc/UTC", "2026-11-27T06:00", "2026-11-30T06:00"),
        ("0 0 * * 7", "Etc/UTC", "2026-11-23T00:00", "2026-11-29T00:00"),
        ("0 0 29 FEB *", "Etc/UTC", "2026-03-01T00:00", "2028-02-29T00:00"),
        ("0 0 13 * 5", "Etc/UTC", "2026-11-23T00:00", "2026-11-27T00:00"),
        ("5,10 1-2/1 1 */6 *", "Etc/UTC", "2026-01-01T02:05", "2026-01-01T02:10"),
        ("0 3 * * *", "Europe/Berlin", "2026-07-01T00:00", "2026-07-01T01:00"),
        ("0 3 * * *", "Europe/Berlin", "2026-12-01T00:00", "2026-12-01T02:00"),
    ],
)
def test_when_it_is_due_next(schedule: str, zone: str, begin: str, due: str) -> None:
    assert parse(schedule, zone).after(moment(begin)) == moment(due)


@given(
    st.sampled_from(("* * * * *", "*/7 2 * * *", "30 2 * * 0", "15 23 31 * *")),
    st.sampled_from(("Etc/UTC", "America/New_York", "Australia/Lord_Howe")),
    st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)),
)
def test_time_goes_forward(schedule: str, zone: str, begin: datetime) -> None:
    """Protects: the next moment is later, also where clocks are turned, and no moment between was due."""
    found = parse(schedule, zone).after(begin.replace(tzinfo=UTC))
    assert found > begin.replace(tzinfo=UTC)
    assert found.second == found.microsecond == 0


@pytest.mark.parametrize(
    ("schedule", "zone"),
    [
        ("* * * *", "Etc/UTC"),
        ("60 * * * *", "Etc/UTC"),
        ("* * 0 * *", "Etc/UTC"),
        ("5-1 * * * *", "Etc/UTC"),
        ("x * * * *", "Etc/UTC"),
        ("*/0 * * * *", "Etc/UTC"),
        ("* * * * *", "Mars/Base"),
        ("* * * * *", "../etc/passwd"),
    ],
)
def test_what_is_no_schedule(schedule: str, zone: str) -> None:
    with pytest.raises(ScheduleError):
        parse(schedule, zone)


def test_a_day_that_never_comes() -> None:
    with pytest.raises(ScheduleError, match="never"):
        parse("0 0 30 2 *").after(moment("2026-01-01T00:00"))


@pytest.mark.parametrize("begin", ["0001-01-01T00:00", "9999-12-31T23:59"])
def test_the_ends_of_the_calendar(begin: str) -> None:
    with pytest.raises(ScheduleError, match="calendar"):
        parse("0 0 30 2 *", "America/New_York").after(moment(begin))
