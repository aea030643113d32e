"""When a unix-cron schedule is due next. Source: https://cloud.google.com/scheduler/docs/configuring/cron-job-schedules."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

# Smallest and largest value of minute, hour, day of month, month and day of week (7 is Sunday, too).
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_NAMES = {
    3: ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
    4: ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"),
}
_PART = re.compile(r"(\*|(\w+)(?:-(\w+))?)(?:/(\d+))?")
# A date that exists comes at least this often: 29 February on a given day of the week.
_HORIZON = timedelta(days=366 * 29)


class ScheduleError(ValueError):
    """A text that is no unix-cron schedule."""


@dataclass(frozen=True)
class Schedule:
    """A schedule in a time zone. Made by `parse`."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool
    zone: ZoneInfo

    def after(self, moment: datetime) -> datetime:
        """Return the first moment after another at which it is due, in UTC.

        Raises:
            ScheduleError: it is never due (30 February), or not before calendars end.
        """
        try:
            return self._after(moment)
        except OverflowError as error:
            raise ScheduleError(f"there is no time of the calendar after {moment}") from error

    def _after(self, moment: datetime) -> datetime:
        local = moment.astimezone(self.zone).replace(second=0, microsecond=0, tzinfo=None) + timedelta(minutes=1)
        end = local + _HORIZON
        while local < end:
            if not self._is_day(local):
                local = local.replace(hour=0, minute=0) + timedelta(days=1)
            elif local.hour not in self.hours:
                local = local.replace(minute=0) + timedelta(hours=1)
            elif local.minute not in self.minutes:
                local += timedelta(minutes=1)
            else:
                found = local.replace(tzinfo=self.zone).astimezone(UTC)
                if found > moment:
                    return found
                local += timedelta(minutes=1)
        raise ScheduleError("the schedule is never due")

    def _is_day(self, local: datetime) -> bool:
        if local.month not in self.months:
            return False
        day, weekday = local.day in self.days, local.isoweekday() % 7 in self.weekdays
        # Where both are restricted, either will do: cron's own rule.
        return (day and weekday) if self.any_day or self.any_weekday else (day or weekday)


def parse(text: str, zone: str = "Etc/UTC") -> Schedule:
    """Return the schedule of a text such as `0 3 * * MON`.

    Raises:
        ScheduleError: it is none, or there is no such time zone.
    """
    fields = text.split()
    if len(fields) != len(_RANGES):
        raise ScheduleError(f"{text!r} has {len(fields)} fields; five are needed: minute hour day month weekday")
    minutes, hours, days, months, weekdays = (_values(field, position) for position, field in enumerate(fields))
    try:
        found = ZoneInfo(zone)
    except (KeyError, ValueError, OSError) as error:
        raise ScheduleError(f"there is no time zone {zone!r}") from error
    sundays = frozenset(value % 7 for value in weekdays)
    return Schedule(minutes, hours, days, months, sundays, fields[2] == "*", fields[4] == "*", found)


def _values(field: str, position: int) -> frozenset[int]:
    return frozenset(value for part in field.split(",") for value in _part(part, position))


def _part(part: str, position: int) -> range:
    least, most = _RANGES[position]
    found = _PART.fullmatch(part)
    if found is None:
        raise ScheduleError(f"{part!r} is no part of a schedule")
    step = int(found[4] or 1)
    if found[1] == "*":
        begin, end = least, most
    else:
        begin = _number(found[2], position)
        end = _number(found[3], position) if found[3] else (most if found[4] else begin)
    if not (least <= begin <= end <= most and step > 0):
        raise ScheduleError(f"{part!r} is not within {least}-{most}")
    return range(begin, end + 1, step)


def _number(text: str, position: int) -> int:
    names = _NAMES.get(position, ())
    if text.upper() in names:
        return names.index(text.upper()) + _RANGES[position][0]
    if not text.isdigit():
        raise ScheduleError(f"{text!r} is no number")
    return int(text)
