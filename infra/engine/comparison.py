"""Compares the state with the cloud and writes nothing: what differs, property by property, with both values."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pulumi import automation
from pulumi.automation import EngineEvent, StepEventMetadata, StepEventStateMetadata

from infra.engine.events import PROVIDER_PREFIX, Journal, Message, Watch, is_shown, last_words, word
from infra.engine.session import Session
from infra.engine.stack import SECRET

# A step of a property's path as the engine writes it: `a`, `[0]` or `["a.b"]`.
STEP = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')
PLAIN_NAME = re.compile(r"[A-Za-z_$][\w$]*")
# By which member the elements of a list are told apart: services give such lists back in another order.
KEYS = ("id", "Sid", "name", "key")


@dataclass(frozen=True)
class Property:
    """A property that the cloud has otherwise.

    Attributes:
        path: in the engine's form; into a text that is JSON too.
        expected: what the state says; None if it has none.
        actual: what the cloud says; None if it has none.
    """

    path: str
    expected: Any
    actual: Any


@dataclass(frozen=True)
class Difference:
    """A resource that is not in the cloud as the state says: changed in its properties, or gone."""

    urn: str
    kind: Literal["changed", "gone"]
    id: str
    properties: tuple[Property, ...]


@dataclass
class Comparison:
    """What a comparison found.

    Attributes:
        differences: of the resources that the cloud told of.
        asked: how many resources it was asked about.
        failures: why it did not tell of the others; empty if it told of all.
    """

    differences: list[Difference] = field(default_factory=list)
    asked: int = 0
    failures: Sequence[Message] = ()


def compare(session: Session, watch: Watch) -> Comparison:
    """Compare the state with the cloud; the state stays as it is, to the byte."""
    journal, found = Journal(watch), Comparison()

    def record(event: EngineEvent) -> None:
        journal.record(event)
        if event.resource_pre_event is not None:
            found.asked += is_asked(event.resource_pre_event.metadata)
        elif event.res_outputs_event is not None:
            found.differences += difference(event.res_outputs_event.metadata)

    try:
        session.stack.preview_refresh(on_event=record)
    except automation.CommandError as error:
        found.failures = tuple(journal.failures) or (Message("error", last_words(str(error))),)
    return found


def is_asked(step: StepEventMetadata) -> bool:
    """True for a resource that a plugin reads."""
    state = step.old or step.new
    return bool(state and state.custom) and not step.type.startswith(PROVIDER_PREFIX)


def difference(step: StepEventMetadata) -> Iterator[Difference]:
    """Yield what one resource's step tells, if the cloud has it otherwise."""
    if not is_shown(step) or step.old is None:
        return
    if word(step.op) == "delete":
        yield Difference(step.urn, "gone", step.old.id, ())
    elif word(step.op) == "update" and step.new is not None:
        paths = step.detailed_diff or step.diffs or ()
        yield Difference(step.urn, "changed", step.old.id, tuple(properties(step.old, step.new, paths)))


def properties(
    old: StepEventStateMetadata, new: StepEventStateMetadata, paths: Mapping[str, Any] | Sequence[str]
) -> Iterator[Property]:
    """Yield the properties behind the paths of a step, each as far in as it differs.

    What the cloud gave back is told where it has the property: what is asked for may be left out of the inputs. Where a
    provider names a property that only stands for others, such as a digest to be detected, those others are told.
    """
    sides = [(old.outputs, new.outputs), (old.inputs, new.inputs)]
    found: list[Property] = []
    for path in sorted(paths):
        steps = list(parsed(path))
        values = [tuple(_at(side, steps) for side in pair) for pair in sides]
        expected, actual = next((pair for pair in values if pair[0] != pair[1]), values[-1])
        if expected != actual or expected == SECRET:
            found += leaves(path, expected, actual)
    before, after = old.outputs or {}, new.outputs or {}
    others = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    yield from found or (one for name in others for one in leaves(name, before.get(name), after.get(name)))


def parsed(path: str) -> Iterator[str | int]:
    """Yield the steps of a property's path."""
    for quoted, number, name in STEP.findall(path):
        yield int(number) if number else json.loads(f'"{quoted}"') if quoted else name


def leaves(path: str, expected: Any, actual: Any) -> Iterator[Property]:
    """Yield where two values differ, as far in as both have the same shape."""
    if SECRET in (expected, actual):
        yield Property(path, SECRET, SECRET)
        return
    ours, theirs = _members(expected, actual)
    if not ours.keys() & theirs.keys():
        yield Property(path, expected, actual)
        return
    for name in {**ours, **theirs}:
        if ours.get(name) != theirs.get(name):
            yield from leaves(_joined(path, name), ours.get(name), theirs.get(name))


def _members(*values: Any) -> Sequence[Mapping[str | int, Any]]:
    """Return the members of values: by name, of lists by what tells their elements apart, or else by place."""
    read = [_read(value) for value in values]
    if all(isinstance(value, list) for value in read):
        keyed = [_keyed(value) for value in read]
        return keyed if keyed[0].keys() & keyed[1].keys() else [dict(enumerate(value)) for value in read]
    return [value if isinstance(value, Mapping) else {} for value in read]


def _read(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _keyed(elements: Sequence[Any]) -> Mapping[str | int, Any]:
    for key in KEYS:
        names = [str(one[key]) for one in elements if isinstance(one, Mapping) and key in one]
        if len(set(names)) == len(elements):
            return dict(zip(names, elements, strict=True))
    return {}


def _joined(path: str, name: str | int) -> str:
    if isinstance(name, int):
        return f"{path}[{name}]"
    return f"{path}.{name}" if PLAIN_NAME.fullmatch(name) else f"{path}[{json.dumps(name)}]"


def _at(value: Any, steps: Sequence[str | int]) -> Any:
    for step in steps:
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value
