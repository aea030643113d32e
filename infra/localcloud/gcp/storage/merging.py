"""JSON merge patch (RFC 7396): objects are merged, null removes, all else replaces."""

from typing import Any


def merged(current: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """Return the current value with the patch applied; neither argument is changed."""
    result = dict(current)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            before = result.get(name)
            result[name] = merged(before if isinstance(before, dict) else {}, value)
        else:
            result[name] = value
    return result
