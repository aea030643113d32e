"""Cloud Logging: entries are written by clients and by jobs, and listed by filter."""

import re
import secrets
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from infra.localcloud.gcp import moments
from infra.localcloud.gcp.call import Call
from infra.localcloud.gcp.errors import Json, invalid
from infra.localcloud.gcp.filters import matches
from infra.localcloud.gcp.paging import page
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.store import Record

SERVICE = Service("logging.v2")
# Source: https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#LogSeverity
SEVERITIES = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY")
PAYLOADS = ("textPayload", "jsonPayload", "protoPayload")
MOST_ENTRIES = 200_000
PAGE_SIZE = 50
_NAME = re.compile(r"(?P<parent>projects/[^/]+)/logs/[\w.%/-]+")
_SEVERITY = re.compile(r"\bseverity\s*(>=|<=|!=|=|>|<)\s*\"?([A-Z]+)\"?")


@dataclass
class Entries:
    """The log entries of the cloud, the newest of them."""

    _kept: "deque[Json]" = field(default_factory=lambda: deque(maxlen=MOST_ENTRIES))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Keep entries; those that lack an id or a time are given them."""
        now = moments.now()
        for entry in entries:
            made = {"insertId": secrets.token_hex(8), "timestamp": now, "severity": "DEFAULT", **entry}
            made["timestamp"] = moments.text(moments.moment(made["timestamp"]))
            with self._lock:
                self._kept.append({**made, "receiveTimestamp": now})

    def all(self) -> list[Json]:
        """Return the entries in the order in which they were written."""
        with self._lock:
            return list(self._kept)

    def forget(self, log: str) -> None:
        """Delete the entries of a log."""
        with self._lock:
            kept = [entry for entry in self._kept if entry["logName"] != log]
            self._kept = deque(kept, maxlen=MOST_ENTRIES)


@SERVICE.method("logging.entries.write")
def write(call: Call) -> Json:
    """Keep entries; log name, resource and labels of the request stand in where an entry has none."""
    shared = {name: call.body[name] for name in ("logName", "resource") if name in call.body}
    made = []
    for position, entry in enumerate(call.body.get("entries", [])):
        labels = {**call.body.get("labels", {}), **entry.get("labels", {})}
        one = {**shared, **entry, **({"labels": labels} if labels else {})}
        _check(one, f"entries[{position}]")
        made.append(one)
    if not call.body.get("dryRun"):
        call.cloud.part(Entries).write(made)
    return {}


@SERVICE.method("logging.entries.list")
def list_(call: Call) -> Json:
    """A page of the entries of some projects that fit a filter; the oldest first, if not asked otherwise."""
    names = call.body.get("resourceNames") or [f"projects/{one}" for one in call.body.get("projectIds", [])]
    if not names:
        raise invalid("A list of resource names must be given.", field="resourceNames")
    fits = matches(_ranked(call.body.get("filter", "")))
    records = [
        Record(entry["insertId"], entry, number=number)
        for number, entry in enumerate(call.cloud.part(Entries).all())
        if _parent(entry) in names and fits({**entry, "severityRank": SEVERITIES.index(entry["severity"])})
    ]
    query = {"orderBy": "timestamp", **call.body, "filter": ""}
    chosen, token = page(records, query, size=PAGE_SIZE)
    answer: Json = {"entries": [record.body for record in chosen]} if chosen else {}
    return {**answer, "nextPageToken": token} if token else answer


@SERVICE.method("logging.projects.logs.list")
def list_logs(call: Call) -> Json:
    """The names of a project's logs."""
    found = {entry["logName"] for entry in call.cloud.part(Entries).all() if _parent(entry) == call.name}
    chosen, token = page([Record(name, {}, number=i) for i, name in enumerate(sorted(found))], call.query)
    answer: Json = {"logNames": [record.name for record in chosen]} if chosen else {}
    return {**answer, "nextPageToken": token} if token else answer


@SERVICE.method("logging.projects.logs.delete")
def delete_log(call: Call) -> Json:
    """Delete all entries of a log."""
    parent, _, name = call.name.partition("/logs/")
    for entry in call.cloud.part(Entries).all():
        if unquote(entry["logName"]) == f"{parent}/logs/{unquote(name)}":
            call.cloud.part(Entries).forget(entry["logName"])
    return {}


def _check(entry: Json, path: str) -> None:
    if not _NAME.fullmatch(entry.get("logName", "")):
        raise invalid(f"log_name '{entry.get('logName', '')}' is not projects/[PROJECT_ID]/logs/[LOG_ID].", field=path)
    if not entry.get("resource", {}).get("type"):
        raise invalid("A monitored resource with a type must be given.", field=f"{path}.resource")
    if sum(name in entry for name in PAYLOADS) > 1:
        raise invalid(f"An entry has one payload only, of {', '.join(PAYLOADS)}.", field=path)


def _parent(entry: Json) -> str:
    return str(entry["logName"]).partition("/logs/")[0]


def _ranked(text: str) -> str:
    """Severities are compared by their rank, not as text."""

    def rank(found: "re.Match[str]") -> str:
        if found[2] not in SEVERITIES:
            raise invalid(f"There is no severity {found[2]}.", field="filter")
        return f"severityRank{found[1]}{SEVERITIES.index(found[2])}"

    return _SEVERITY.sub(rank, text)
