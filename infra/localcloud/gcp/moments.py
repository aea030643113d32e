"""Moments and durations as Google's JSON has them."""

import re
from datetime import UTC, datetime, timedelta

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


def text(moment: datetime) -> str:
    """Return a moment as RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def now() -> str:
    """Return the wall time."""
    return text(datetime.now(UTC))


def moment(value: str) -> datetime:
    """Return the moment of an RFC 3339 text; digits beyond microseconds are dropped."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value.replace("Z", "+00:00")))


def is_moment(value: str) -> bool:
    """Tell whether a text is a moment."""
    if not _MOMENT.fullmatch(value):
        return False
    try:
        moment(value)
    except ValueError:
        return False
    return True


def seconds(value: str) -> float:
    """Return the seconds of a duration such as `86400s`."""
    return float(value.removesuffix("s"))


def after(begin: datetime, duration: str) -> str:
    """Return the moment that is a duration after another, as text."""
    return text(begin + timedelta(seconds=seconds(duration)))
