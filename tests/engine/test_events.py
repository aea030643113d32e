"""The engine's events as steps, counts and failures that a person can read."""

from typing import Any

from pulumi.automation import EngineEvent

from infra.engine import Message, Step
from infra.engine.events import Journal, last_words

URN = "urn:pulumi:local-aws::stile::stile:index:Platform$stile:index:Storage$aws:s3/bucket:Bucket::data"
PROVIDER = "urn:pulumi:local-aws::stile::pulumi:providers:aws::default_7_51_1"
STACK = "urn:pulumi:local-aws::stile::pulumi:pulumi:Stack::stile-local-aws"


class Told:
    """A journal whose clock goes by one second per look."""

    def __init__(self) -> None:
        self.seen: list[Step | Message] = []
        self.now = 0.0
        self.journal = Journal(self.seen.append, clock=self.clock)

    def clock(self) -> float:
        self.now += 1
        return self.now

    def __call__(self, **event: Any) -> None:
        self.journal.record(EngineEvent.from_json({"sequence": 1, "timestamp": 1, **event}))


def metadata(op: str, urn: str = URN) -> dict[str, Any]:
    token = urn.split("::")[2].rpartition("$")[2]
    state = {"urn": urn, "type": token, "custom": token.startswith(("aws:", "pulumi:providers:"))}
    return {"metadata": {"op": op, "urn": urn, "type": token, "provider": "", "new": state}}


def test_a_resource_is_told_when_it_begins_and_when_it_ends_with_its_seconds() -> None:
    told = Told()
    told(resourcePreEvent=metadata("create"))
    told(resOutputsEvent=metadata("create"))
    assert told.seen == [Step("create", URN, "running"), Step("create", URN, "done", 1.0)]
    assert (told.journal.steps[0].type, told.journal.steps[0].name) == ("aws:s3/bucket:Bucket", "data")


def test_what_stays_as_it_was_is_no_news_and_neither_are_groups_and_providers() -> None:
    """A component ends when the program has said so: its seconds would say nothing."""
    told = Told()
    for event in (metadata("same"), metadata("create", STACK), metadata("create", PROVIDER)):
        told(resourcePreEvent=event)
        told(resOutputsEvent=event)
    assert told.seen == []
    assert told.journal.steps == []


def test_a_refresh_ends_as_what_it_found() -> None:
    told = Told()
    told(resourcePreEvent=metadata("refresh"))
    told(resOutputsEvent=metadata("delete"))
    assert told.seen[-1] == Step("delete", URN, "done", 1.0)


def test_failures_keep_their_resource_and_closing_lines_are_dropped() -> None:
    """One failure, not three lines that say so."""
    told = Told()
    told(resOpFailedEvent={**metadata("create"), "status": 1, "steps": 1})
    told(
        diagnosticEvent={
            "message": "<{%reset%}>BucketAlreadyExists: taken<{%reset%}>\n",
            "severity": "error",
            "urn": URN,
        }
    )
    told(diagnosticEvent={"message": "update failed", "severity": "error", "urn": STACK})
    assert [failure.text for failure in told.journal.failures] == ["BucketAlreadyExists: taken"]
    error = told.journal.error("up", "stderr: error: update failed")
    assert error.message == "up failed: aws:s3/bucket:Bucket data: BucketAlreadyExists: taken"
    assert error.path == URN


def test_a_failure_that_no_event_told_is_in_the_clis_words() -> None:
    told = Told()
    said = "code: 255\nstdout: \nstderr: error: failed to load plugin\n"
    assert told.journal.error("up", said).message == "up failed: failed to load plugin"
    assert last_words("x\nerror: one\nerror: two") == "one; two"
    assert last_words("one\ntwo\n") == "two"
    assert last_words("") == "the CLI said nothing"


def test_warnings_are_told_and_changes_counted() -> None:
    told = Told()
    told(diagnosticEvent={"message": "deprecated", "severity": "warning", "urn": URN})
    told(diagnosticEvent={"message": "noise", "severity": "debug"})
    told(summaryEvent={"maybeCorrupt": False, "durationSeconds": 1, "resourceChanges": {"create": 2, "same": 1}})
    assert told.seen == [Message("warning", "deprecated", URN)]
    assert told.journal.changes == {"create": 2, "same": 1}
