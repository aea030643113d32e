"""The parts `data` and `quality`: what the monitor last said of each model, read from the data bucket."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from components.storage import MONITOR
from infra.deployed import Deployed
from infra.drift.report import WORST_FIRST, Finding, Part, Status, worst
from infra.errors import CloudError

SCHEMA = "stile.monitor/1"
PATIENCE = timedelta(days=1)


@dataclass(frozen=True)
class Said:
    """What is known of one model: the monitor's report, or why there is none.

    Attributes:
        report: None where there is none that can be used.
        why: why not; empty if there is one.
        status: what that means where there is none.
    """

    report: Mapping[str, Any] | None
    why: str = ""
    status: Status = "unknown"


def last_key(model: str) -> str:
    """Return the data bucket's key of a model's last report."""
    return f"{MONITOR}/{model}/latest/drift.json"


def ask(deployed: Deployed, now: datetime) -> Mapping[str, Said]:
    """Return what is known of each model."""
    return {name: _ask(deployed, name, now) for name in deployed.models}


def _ask(deployed: Deployed, model: str, now: datetime) -> Said:
    if deployed.models[model].endpoint is None:
        return Said(None, "nothing is released, so nothing is asked", "ok")
    try:
        content = deployed.cloud.read_object(deployed.bucket, last_key(model))
    except CloudError as error:
        return Said(None, f"the monitor has left no report that can be read: {error.message}")
    return read(content, now)


def read(content: bytes, now: datetime) -> Said:
    """Return what a report's file says; one that is too old says nothing of today."""
    try:
        report = json.loads(content)
    except ValueError as error:
        return Said(None, f"the monitor's report is no JSON: {error}")
    if not isinstance(report, dict) or report.get("schema") != SCHEMA:
        return Said(None, f"the monitor's report is not of {SCHEMA}")
    start, until = (datetime.fromisoformat(report["window"][end]).astimezone(UTC) for end in ("from", "until"))
    if now - until > (until - start) + PATIENCE:
        return Said(None, f"the monitor's last report ends on {until:%Y-%m-%d %H:%M} UTC, and no other followed")
    return Said(report)


def part(name: str, said: Mapping[str, Said]) -> Part:
    """Return the part `data` or `quality` of all models."""
    findings = [finding for model, one in said.items() for finding in _findings(name, model, one)]
    statuses: list[Status] = [one.report[name]["status"] if one.report else one.status for one in said.values()]
    status = worst(statuses)
    told = [f"{model}: {_told(name, one)}" for model, one in said.items()]
    return Part(status, "; ".join(told), findings)


def _told(name: str, said: Said) -> str:
    if said.report is None:
        return said.why
    content, used = said.report[name], said.report["captured"]["used"]
    if name == "quality":
        return str(content["reason"])
    moved = sum(row["status"] == "drift" for row in content["columns"])
    return f"{moved} of {len(content['columns'])} columns moved, of {used:,} requests"


def _findings(name: str, model: str, said: Said) -> Iterator[Finding]:
    if said.report is not None:
        yield from PARTS[name](model, said.report[name])
    elif said.status != "ok":
        yield Finding("unjudged", model, f"{model}: {said.why}", said.status, {"model": model})


def _data(model: str, content: Mapping[str, Any]) -> Iterator[Finding]:
    for row in content["columns"]:
        if row["status"] in WORST_FIRST[:2]:
            yield _finding("column", model, row["name"], row["reason"], row)
    for row in content["schema"]:
        if row["status"] == "drift":
            told = f"{row['finding'].replace('_', ' ')} in {row['rows']:,} rows ({row['share']:.1%})"
            yield _finding("schema", model, row["name"], told, row)


def _quality(model: str, content: Mapping[str, Any]) -> Iterator[Finding]:
    if content["status"] != "ok":
        yield Finding("quality", model, f"{model}: {content['reason']}", content["status"], {"model": model})
    for row in content["slices"]:
        if row["status"] == "drift":
            told = f"AUC {row['auc']['value']:.4f} (n {row['n']:,}) against {row['reference']['value']:.4f}"
            yield _finding("slice", model, row["slice"], told, row)


PARTS: Mapping[str, Callable[[str, Mapping[str, Any]], Iterator[Finding]]] = {"data": _data, "quality": _quality}


def _finding(kind: str, model: str, name: str, told: str, row: Mapping[str, Any]) -> Finding:
    values = {key: value for key, value in row.items() if key not in {"status", "kind"}}
    about = f"{model}: {name}"
    return Finding(kind, about, f"{about}: {told}", row["status"], {"model": model, **values})
