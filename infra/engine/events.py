"""What the engine tells while it works, as steps to show, failures to explain and changes to count."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pulumi.automation import EngineEvent, ResOpFailedEvent, StepEventMetadata

from infra.errors import ProvisioningError

PROVIDER_PREFIX = "pulumi:providers:"
# The engine's word that a call failed outside of the plugin, which answers its own failures with another one.
UNANSWERED = 0
# What plugins say when they stop waiting for something that they began: interrupted, too late, or it failed.
# source: terraform-plugin-sdk, helper/retry/error.go
LEFT_BEHIND = re.compile(r"cancel|timeout while waiting|unexpected state", re.I)
COLOUR = re.compile(r"<\{%[^%]*%\}>")
# The CLI's own output, as the Automation API hands it on.
ERROR_LINE = re.compile(r"^\s*(?:stderr:\s*)?error:\s*(.+)$", re.M)
# The engine closes with such a line for the stack; what went wrong stands in the others.
CLOSING = re.compile(r"^(update|preview|refresh|destroy|resource plan|one or more errors)\b.*(failed|occurred)", re.I)


@dataclass(frozen=True)
class Step:
    """What the engine does to one resource, or has done.

    Attributes:
        op: the engine's word: create, update, replace, delete, read, refresh, same, import, ...
        urn: the resource.
        state: where it stands.
        seconds: how long it took; None while it runs.
    """

    op: str
    urn: str
    state: Literal["running", "done", "failed"]
    seconds: float | None = None

    @property
    def type(self) -> str:
        """The resource's own type token, without those of its parents."""
        return self.urn.split("::")[2].rpartition("$")[2]

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.urn.split("::", 3)[3]


@dataclass(frozen=True)
class Message:
    """Something that the engine, a plugin or the program says: severity info, warning or error."""

    severity: str
    text: str
    urn: str = ""


Watch = Callable[[Step | Message], None]


@dataclass(frozen=True)
class CutOff:
    """A step that failed and may have been done, or begun: nobody waited for its end.

    Attributes:
        op: the engine's word.
        urn: the resource.
        type: its type token.
        parent: the URN of its parent, if it has one.
        provider: the provider's URN and id.
        inputs: as the plugin checked them; secret ones are not in it.
    """

    op: str
    urn: str
    type: str
    parent: str
    provider: str
    inputs: Mapping[str, Any]


@dataclass
class Journal:
    """Follows one operation of the engine; give its `record` to the Automation API as `on_event`.

    Attributes:
        watch: is told every step and message, in order.
        changes: how many resources the engine changed, by its word for the change.
        steps: what was done, or would be, in order; nothing of what stayed as it was.
        failures: the errors, each with its resource.
    """

    watch: Watch
    clock: Callable[[], float] = time.monotonic
    changes: dict[str, int] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    failures: list[Message] = field(default_factory=list)
    _failed: list[ResOpFailedEvent] = field(default_factory=list)
    _started: dict[tuple[str, str], float] = field(default_factory=dict)

    def record(self, event: EngineEvent) -> None:
        """Take one event."""
        if event.resource_pre_event is not None:
            self._begin(event.resource_pre_event.metadata)
        elif event.res_outputs_event is not None:
            self._end(event.res_outputs_event.metadata, "done")
        elif event.res_op_failed_event is not None:
            self._end(event.res_op_failed_event.metadata, "failed")
            self._failed.append(event.res_op_failed_event)
        elif event.diagnostic_event is not None:
            diagnostic = event.diagnostic_event
            self._hear(diagnostic.severity, diagnostic.message, diagnostic.urn or "")
        elif event.summary_event is not None:
            self.changes = {word(op): count for op, count in event.summary_event.resource_changes.items()}

    def _begin(self, step: StepEventMetadata) -> None:
        self._started[word(step.op), step.urn] = self.clock()
        if is_shown(step):
            self.watch(Step(word(step.op), step.urn, "running"))

    def _end(self, step: StepEventMetadata, state: Literal["done", "failed"]) -> None:
        # A refresh starts as `refresh` and ends as what it found.
        begun = self._started.pop((word(step.op), step.urn), None) or self._started.pop(("refresh", step.urn), None)
        if not is_shown(step):
            return
        ended = Step(word(step.op), step.urn, state, 0.0 if begun is None else self.clock() - begun)
        self.steps.append(ended)
        self.watch(ended)

    def _hear(self, severity: str, text: str, urn: str) -> None:
        text = plain(text)
        if not text or severity == "debug" or (severity == "error" and CLOSING.match(text)):
            return
        message = Message("info" if severity.startswith("info") else severity, text, urn)
        if message.severity == "error":
            self.failures.append(message)
        else:
            self.watch(message)

    def cut_off(self) -> list[CutOff]:
        """Return the failed steps that may have left something: the plugin died, or gave up waiting for the end."""
        left = {failure.urn for failure in self.failures if LEFT_BEHIND.search(failure.text)}
        return [
            CutOff(word(step.op), step.urn, step.type, made.parent, made.provider, made.inputs or {})
            for event in self._failed
            if (step := event.metadata) and (made := step.new or step.old)
            if event.status == UNANSWERED or step.urn in left
        ]

    def error(self, operation: str, otherwise: str) -> ProvisioningError:
        """Return what to raise when the operation failed.

        Args:
            operation: up, preview, refresh or destroy.
            otherwise: the CLI's own words, for a failure that no event told.
        """
        if not self.failures:
            return ProvisioningError(f"{operation} failed: {last_words(otherwise)}")
        told = [f"{short(failure.urn)}: {failure.text}" if failure.urn else failure.text for failure in self.failures]
        return ProvisioningError(f"{operation} failed: " + "\n".join(told), path=self.failures[0].urn or None)


def is_shown(step: StepEventMetadata) -> bool:
    """True for a step that a person wants to read of: a change of something in a cloud.

    Components are groups in the program: they end when the program has said so, which tells nothing of how long they
    took. Providers are the engine's own.
    """
    state = step.new or step.old
    in_cloud = state is None or bool(state.custom)
    return word(step.op) != "same" and in_cloud and not step.type.startswith(PROVIDER_PREFIX)


def word(op: object) -> str:
    """Return the engine's word for an operation, whether it comes as text or as an enumeration."""
    return str(getattr(op, "value", op))


def plain(text: str) -> str:
    """Return a message without the engine's colour marks."""
    return COLOUR.sub("", text).strip()


def short(urn: str) -> str:
    """Return type and name of a URN."""
    parts = urn.split("::", 3)
    return f"{parts[2].rpartition('$')[2]} {parts[3]}" if len(parts) == 4 else urn


def last_words(text: str) -> str:
    """Return what the CLI's output names as errors, or its last line."""
    text = plain(text)
    return "; ".join(ERROR_LINE.findall(text)) or next(reversed(text.splitlines()), "the CLI said nothing").strip()


def count(changes: Mapping[str, int], *ops: str) -> int:
    """Return how many resources had one of these operations."""
    return sum(changes.get(op, 0) for op in ops)
