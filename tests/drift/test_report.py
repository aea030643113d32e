"""Protects the verdict: how three parts become one status and one exit code, and what makes a part what it is."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.cli.drift import code
from infra.drift import models, view
from infra.drift.ask import described, fixes
from infra.drift.infrastructure import judged
from infra.drift.models import Said
from infra.drift.report import Finding, Part, Report, Status
from infra.engine.comparison import Comparison, Difference, Property
from infra.engine.events import Message
from infra.errors import CloudError

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 2, 1, 6, tzinfo=UTC)
URN = "urn:pulumi:local-aws::stile::aws:s3/bucket:Bucket::data"
STATUSES: tuple[Status, ...] = ("ok", "drift", "unknown")
CHANGED = Difference(URN, "changed", "b", (Property("versioning", "Enabled", "Suspended"),))


def report(infra: Status = "ok", data: Status = "ok", quality: Status = "ok") -> Report:
    parts = Part(infra, "told"), Part(data, "told"), Part(quality, "told")
    return Report("dev", "aws", NOW, *parts, {}, fixes("dev", *parts))


@pytest.mark.parametrize(("infra", "data", "quality"), list(itertools.product(STATUSES, repeat=3)))
def test_drift_beats_unknown_and_unknown_beats_ok(infra: Status, data: Status, quality: Status) -> None:
    """The whole table of 27, as docs/drift.md has it."""
    found = {infra, data, quality}
    expected = 3 if "drift" in found else 4 if "unknown" in found else 0
    assert code([report(infra, data, quality)], []) == expected
    assert {0: "ok", 3: "drift", 4: "unknown"}[expected] == report(infra, data, quality).status
    assert f"| {infra} | {data} | {quality} | {expected} |" in (ROOT / "docs" / "drift.md").read_text().splitlines()


def test_of_several_environments_the_worst_counts_and_a_failure_is_worse_than_drift() -> None:
    assert code([report(), report("unknown")], []) == 4
    assert code([report("drift"), report("unknown")], []) == 3
    assert code([report("drift")], [CloudError("no")]) == 1
    both = described([report(), report("unknown", "drift")])
    assert (both["status"], [one["status"] for one in both["environments"]]) == ("drift", ["ok", "drift"])


def test_one_environment_is_told_as_the_three_parts() -> None:
    document = described([report("drift")])
    assert [document[part]["status"] for part in ("infra", "data", "quality")] == ["drift", "ok", "ok"]


def test_a_change_is_drift_with_its_values_and_what_can_be_done() -> None:
    part = judged(Comparison([CHANGED], asked=2))
    (finding,) = part.findings
    assert part.status == "drift"
    assert finding.document() == {
        "kind": "changed",
        "status": "drift",
        "about": URN,
        "told": 'aws:s3/bucket:Bucket data: versioning is "Suspended", not "Enabled"',
        "id": "b",
        "property": "versioning",
        "expected": "Enabled",
        "actual": "Suspended",
    }
    commands = [command for command, _ in fixes("dev", part, Part("ok", ""), Part("ok", ""))]
    assert commands == ["./stile refresh dev && ./stile up dev", "./stile refresh dev"]


def test_what_the_cloud_does_not_tell_is_unknown_never_drift() -> None:
    refused = Message("error", "AccessDenied", URN)
    assert judged(Comparison([], 2, (refused,))).status == "unknown"
    assert judged(Comparison([CHANGED], 2, (refused,))).status == "drift"


def test_what_stays_on_purpose_is_told_and_is_no_drift() -> None:
    kept = Finding("kept", "model m", "there on purpose", "ok")
    assert judged(Comparison([], 2), [kept]).status == "ok"
    assert judged(Comparison([], 2), [kept, Finding("unmanaged", "t", "unknown to the state")]).status == "drift"


def said(data: str = "ok", quality: str = "ok", until: datetime = NOW) -> Said:
    row = {"name": "distance", "status": data, "reason": "moved by 0.5"}
    content: dict[str, Any] = {
        "schema": "stile.monitor/1",
        "window": {"from": (until - timedelta(days=7)).isoformat(), "until": until.isoformat()},
        "captured": {"used": 900},
        "data": {"status": data, "columns": [row, {**row, "name": "other", "status": "ok"}], "schema": []},
        "quality": {"status": quality, "reason": "AUC fell", "slices": []},
    }
    return models.read(json.dumps(content).encode(), NOW)


def test_what_the_monitor_says_is_told_as_it_is() -> None:
    drifting = {"flights": said("drift", "unknown")}
    data, quality = models.part("data", drifting), models.part("quality", drifting)
    assert (data.status, quality.status) == ("drift", "unknown")
    assert [one.about for one in data.findings] == ["flights: distance"]
    assert data.told == "flights: 1 of 2 columns moved, of 900 requests"
    assert [one.told for one in quality.findings] == ["flights: AUC fell"]


def test_of_several_models_the_worst_counts() -> None:
    assert models.part("data", {"a": said(), "b": said("drift"), "c": said("unknown")}).status == "drift"


@pytest.mark.parametrize("content", [b"", b"[]", b'{"schema": "stile.monitor/9"}'])
def test_a_report_that_cannot_be_read_is_unknown(content: bytes) -> None:
    assert models.part("data", {"flights": models.read(content, NOW)}).status == "unknown"


def test_an_old_report_says_nothing_of_today() -> None:
    """A monitor that died says `ok` for ever otherwise."""
    assert models.part("data", {"m": said(until=NOW - timedelta(days=8))}).status == "ok"
    stale = models.part("data", {"m": said(until=NOW - timedelta(days=8, seconds=1))})
    assert (stale.status, "no other followed" in stale.told) == ("unknown", True)


def test_nothing_released_is_nothing_to_judge() -> None:
    unreleased = {"m": Said(None, "nothing is released, so nothing is asked", "ok")}
    part = models.part("quality", unreleased)
    assert (part.status, part.findings) == ("ok", [])


def test_people_read_the_answer_first_and_what_to_do_last() -> None:
    infra = judged(Comparison([CHANGED], 2))
    parts = infra, Part("ok", "fine"), Part("ok", "fine")
    lines = [line.plain for line in view.lines(Report("dev", "aws", NOW, *parts, {}, fixes("dev", *parts)))]
    assert lines[0] == "dev: something has drifted"
    assert '      versioning: expected "Enabled", is "Suspended"' in lines
    assert lines[-1].startswith("  ./stile refresh dev\n")


def test_markdown_keeps_its_tables_whole() -> None:
    """A bar or a line's end in a value would end a cell."""
    changed = Difference(URN, "changed", "b", (Property("policy", "a|b", "c\nd"),))
    parts = judged(Comparison([changed], 1)), Part("ok", ""), Part("ok", "")
    text = view.markdown(Report("dev", "aws", NOW, *parts, {}, ()))
    (row,) = (line for line in text.splitlines() if line.startswith("| changed"))
    assert row.count("|") - row.count("\\|") == 5
