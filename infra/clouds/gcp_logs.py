"""Logs of jobs and endpoints in Cloud Logging, read to their end and followed from there."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from infra.clouds import LogLine
from infra.clouds.gcp_calls import Google, told

# A source's kind -> the monitored resource that its entries are of, and the label that tells one from another.
# source: https://cloud.google.com/monitoring/api/resources#tag_ml_job, #tag_aiplatform.googleapis.com/Endpoint
RESOURCES = {
    "customJobs": ("ml_job", "job_id"),
    "endpoint": ("aiplatform.googleapis.com/Endpoint", "endpoint_id"),
}
# Entries of one container of an endpoint carry the id of the model that it was deployed for.
DEPLOYED = "deployed_model_id"
ENTRIES_AT_ONCE = 1000  # entries.list's own limit


class GcpLog:
    """The entries of one source, by the time they were written; the last ones are known by their ids."""

    def __init__(self, google: Google, source: str, since: datetime | None) -> None:
        kind, _, name = source.partition("/")
        resource, label = RESOURCES[kind]
        self._google = google
        self._filter = f'resource.type="{resource}" AND resource.labels.{label}="{name.rpartition("/")[2]}"'
        self._filter = self._since(since.isoformat()) if since else self._filter
        self._from: str | None = None
        self._seen: set[str] = set()

    @told
    def read(self) -> list[LogLine]:
        """What came since the last look."""
        asked = self._since(self._from) if self._from else self._filter
        found = [entry for entry in self._entries(asked) if entry["insertId"] not in self._seen]
        self._remember(found)
        return [line for entry in found for line in _lines(entry)]

    @told
    def tail(self, lines: int) -> list[LogLine]:
        """The last lines of all containers together."""
        found = self._last(self._filter, lines)
        self._remember(found)
        return [line for entry in found for line in _lines(entry)][-lines:]

    @told
    def last_words(self, lines: int) -> list[str]:
        """The last lines of the container that began last."""
        newest = max(self._containers(), key=self._began, default=self._filter)
        return [line.text for entry in self._last(newest, lines) for line in _lines(entry)][-lines:]

    def _containers(self) -> set[str]:
        """Filters of an endpoint's containers that wrote lately; none for a job."""
        found = {entry.get("labels", {}).get(DEPLOYED) for entry in self._last(self._filter, ENTRIES_AT_ONCE)}
        return {f'{self._filter} AND labels.{DEPLOYED}="{deployed}"' for deployed in found if deployed}

    def _began(self, only: str) -> str:
        first = self._google.client("logging", "v2").entries().list(body={**self._request(only, "asc"), "pageSize": 1})
        return str(first.execute()["entries"][0]["timestamp"])

    def _remember(self, entries: list[dict[str, Any]]) -> None:
        """Go on at the newest time that was seen: more entries of that very time may still come."""
        if not entries:
            return
        newest = max(entry["timestamp"] for entry in entries)
        kept = self._seen if newest == self._from else set()
        self._seen = kept | {entry["insertId"] for entry in entries if entry["timestamp"] == newest}
        self._from = newest

    def _since(self, time: str) -> str:
        return f'{self._filter} AND timestamp>="{time}"'

    def _entries(self, asked: str) -> Iterator[dict[str, Any]]:
        entries = self._google.client("logging", "v2").entries()
        request = {**self._request(asked, "asc"), "pageSize": ENTRIES_AT_ONCE}
        while True:
            answer = entries.list(body=request).execute()
            yield from answer.get("entries", ())
            if not answer.get("nextPageToken"):
                return
            request["pageToken"] = answer["nextPageToken"]

    def _last(self, asked: str, count: int) -> list[dict[str, Any]]:
        request = {**self._request(asked, "desc"), "pageSize": min(count, ENTRIES_AT_ONCE)}
        answer = self._google.client("logging", "v2").entries().list(body=request).execute()
        return list(reversed(answer.get("entries", ())))

    def _request(self, asked: str, order: str) -> dict[str, Any]:
        return {
            "resourceNames": [f"projects/{self._google.project}"],
            "filter": asked,
            "orderBy": f"timestamp {order}",
        }


def _lines(entry: dict[str, Any]) -> Iterator[LogLine]:
    """Yield an entry's lines: text, or what Vertex AI makes of a line that a container wrote."""
    payload = entry.get("jsonPayload", {})
    text = entry.get("textPayload") or payload.get("message") or (json.dumps(payload) if payload else "")
    at = datetime.fromisoformat(entry["timestamp"].replace("Z", "+00:00")).astimezone(UTC)
    yield from (LogLine(at, line) for line in str(text).splitlines())
