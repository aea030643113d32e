"""Lists in pages that stay right while resources come and go."""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from infra.localcloud.gcp.errors import Refusal, invalid
from infra.localcloud.gcp.filters import matches, order, value_at
from infra.localcloud.gcp.store import Record

DEFAULT_SIZE = 100
MOST = 1000
_PAGING = ("pageToken", "pageSize", "maxResults")


def page(records: Sequence[Record], query: Mapping[str, Any], *, size: int = DEFAULT_SIZE) -> tuple[list[Record], str]:
    """Return the page that the query asks for, and the token of the next one, empty on the last.

    Args:
        records: all resources of the list.
        query: its filter, orderBy, pageSize and pageToken.
        size: how many come where the query does not say.

    Raises:
        Refusal: INVALID_ARGUMENT for a page token that this very list did not give, or a negative size.
    """
    wanted = int(query.get("pageSize") or 0)
    if wanted < 0:
        raise invalid(f"Invalid page size: {wanted}", field="pageSize")
    fits = matches(str(query.get("filter", "")))
    chosen = [record for record in records if fits(record.body)]
    for field, descending in reversed([*order(str(query.get("orderBy", ""))), ("", False)]):
        chosen.sort(key=partial(_key, field), reverse=descending)
    begin = _begin(chosen, query)
    found = chosen[begin : begin + min(wanted or size, MOST)]
    more = begin + len(found) < len(chosen)
    return found, _token(found[-1].number, query) if more and found else ""


def _key(field: str, record: Record) -> tuple[bool, str, float]:
    if not field:
        return (False, "", record.number)
    value = value_at(record.body, field)
    is_number = isinstance(value, int | float)
    return (value is None, "" if is_number else str(value), float(value) if is_number else 0.0)


def _begin(chosen: Sequence[Record], query: Mapping[str, Any]) -> int:
    token = query.get("pageToken")
    if not token:
        return 0
    last = _number(str(token), query)
    for position, record in enumerate(chosen):
        if record.number == last:
            return position + 1
    # It was deleted in between. Creation order still tells where the next page begins.
    return next((position for position, record in enumerate(chosen) if record.number > last), len(chosen))


def _asked(query: Mapping[str, Any]) -> str:
    asked = {name: str(value) for name, value in sorted(query.items()) if name not in _PAGING}
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


def _token(number: int, query: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([_asked(query), number]).encode()).decode()


def _number(token: str, query: Mapping[str, Any]) -> int:
    try:
        asked, number = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (binascii.Error, ValueError, TypeError) as error:
        raise _bad_token() from error
    if asked != _asked(query):
        raise _bad_token()
    return int(number)


def _bad_token() -> Refusal:
    return invalid("The page token is not valid for this request.", field="pageToken")
