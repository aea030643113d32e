"""Partial answers: the system parameter `fields`. Source: https://cloud.google.com/storage/docs/json_api#partial-response."""

from typing import Any

from infra.localcloud.gcp.errors import invalid

Selection = dict[str, Any]


def selected(answer: Any, fields: str) -> Any:
    """Return only what `fields` names, such as `items(id,name),nextPageToken`; raises INVALID_ARGUMENT."""
    selection, rest = _parsed(fields)
    if rest:
        raise invalid(f"Invalid field selection {fields}", field="fields")
    return _kept(answer, selection)


def _parsed(text: str) -> tuple[Selection, str]:
    found: Selection = {}
    while text and not text.startswith(")"):
        end = next((position for position, sign in enumerate(text) if sign in ",()"), len(text))
        words, text = text[:end].strip().split("/"), text[end:]
        inner: Selection = {}
        if text.startswith("("):
            inner, text = _parsed(text[1:])
            text = text.removeprefix(")")
        place = found
        for word in words[:-1]:
            place = place.setdefault(word, {})
        place[words[-1]] = inner
        text = text.removeprefix(",")
    return found, text


def _kept(value: Any, selection: Selection) -> Any:
    if not selection or "*" in selection:
        return value
    if isinstance(value, list):
        return [_kept(item, selection) for item in value]
    if isinstance(value, dict):
        return {name: _kept(value[name], inner) for name, inner in selection.items() if name in value}
    return value
