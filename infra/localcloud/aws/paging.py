"""Lists as the vendor gives them: filtered, sorted, in pages that stay right while records come and go."""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from infra.localcloud.aws.failures import Refusal, validation
from infra.localcloud.aws.records import Record

Listed = TypeVar("Listed", bound=Record)
DEFAULT_PAGE = 10
PAGING = ("NextToken", "MaxResults")


@dataclass(frozen=True)
class Listing(Generic[Listed]):
    """How one kind of resource is listed.

    Attributes:
        summary: turns a record into the entry of a list.
        key: the response's member that holds the entries.
        order: the sort order where the request names none.
        sort_keys: what SortBy may say besides Name, CreationTime and LastModifiedTime, and the value it sorts by.
        status: the value that StatusEquals compares, where the kind has one.
        page_size: how many entries come where the request does not say.
    """

    summary: Callable[[Listed], Mapping[str, Any]]
    key: str
    order: str = "Descending"
    sort_keys: Mapping[str, Callable[[Listed], Any]] = field(default_factory=dict)
    status: Callable[[Listed], str] | None = None
    page_size: int = DEFAULT_PAGE

    def page(self, records: Iterable[Listed], request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a List request over the records.

        Raises:
            Refusal: ValidationException for a NextToken that this very list did not give.
        """
        sort_by = request.get("SortBy") or "CreationTime"
        descending = (request.get("SortOrder") or self.order) == "Descending"
        chosen = [record for record in records if self._fits(record, request)]
        keyed = sorted(((self._sort_value(record, sort_by), record.arn, record) for record in chosen), key=_order)
        if descending:
            keyed.reverse()
        if token := request.get("NextToken"):
            last = _read_token(token, request)
            try:
                keyed = [entry for entry in keyed if _is_after(_order(entry), last, descending=descending)]
            except TypeError as error:  # a value of another kind than this list is sorted by
                raise _bad_token() from error
        size = request.get("MaxResults") or self.page_size
        page, rest = keyed[:size], keyed[size:]
        answer: dict[str, Any] = {self.key: [self.summary(record) for _, _, record in page]}
        if rest:
            answer["NextToken"] = _write_token(_order(page[-1]), request)
        return answer

    def _fits(self, record: Listed, request: Mapping[str, Any]) -> bool:
        if (part := request.get("NameContains")) and part.lower() not in record.name.lower():
            return False
        if (wanted := request.get("StatusEquals")) and self.status and self.status(record) != wanted:
            return False
        return all(
            _in_window(moment, request.get(f"{prefix}After"), request.get(f"{prefix}Before"))
            for names, moment in (
                (("CreationTime", "Created"), record.created),
                (("LastModifiedTime",), record.modified),
            )
            for prefix in names
        )

    def _sort_value(self, record: Listed, sort_by: str) -> Any:
        if sort_by in self.sort_keys:
            return self.sort_keys[sort_by](record)
        if sort_by == "Name":
            return record.name
        return (record.modified if sort_by == "LastModifiedTime" else record.created).timestamp()


def _order(entry: tuple[Any, str, Any]) -> tuple[Any, str]:
    return entry[0], entry[1]


def _is_after(position: tuple[Any, str], last: tuple[Any, str], *, descending: bool) -> bool:
    return position < last if descending else position > last


def _in_window(moment: datetime, after: datetime | None, before: datetime | None) -> bool:
    return (after is None or moment > _zoned(after)) and (before is None or moment < _zoned(before))


def _zoned(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.astimezone()


def _query(request: Mapping[str, Any]) -> str:
    asked = {name: str(value) for name, value in sorted(request.items()) if name not in PAGING}
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


def _write_token(last: tuple[Any, str], request: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([_query(request), *last]).encode()).decode()


def _read_token(token: str, request: Mapping[str, Any]) -> tuple[Any, str]:
    try:
        query, value, arn = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (binascii.Error, ValueError, TypeError) as error:
        raise _bad_token() from error
    if query != _query(request):
        raise _bad_token()
    return value, str(arn)


def _bad_token() -> Refusal:
    return validation("The NextToken is not valid for this request.")
