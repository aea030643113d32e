"""The part `infra`: what the engine's comparison and the cloud's own lists say of an environment's resources."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.drift.existing import Thing, existing
from infra.drift.report import Finding, Part, worst
from infra.engine import Session, recovery
from infra.engine.comparison import Comparison, Difference, compare
from infra.engine.events import Message, Watch, short
from infra.errors import CloudError

LONGEST = 80


def infrastructure(session: Session, watch: Watch) -> Part:
    """Compare an environment with its cloud; starts and changes nothing, and asks nothing of a cloud that is not there.

    Args:
        session: the environment as it stands.
        watch: is told what the engine says.
    """
    name = session.environment.name
    if session.environment.is_local and session.cloud is None:
        return Part("unknown", "the local cloud does not run, and keeps nothing over a stop")
    if recovery.is_new_boot(session):
        return Part("unknown", f"the local cloud started anew and holds nothing of before; ./stile up {name} rebuilds")
    compared = compare(session, lambda seen: watch(seen) if isinstance(seen, Message) else None)
    return judged(compared, list(unmanaged(session)))


def judged(compared: Comparison, others: Sequence[Finding] = ()) -> Part:
    """Return what a comparison means: a resource of which the cloud did not tell is unknown, never drift."""
    findings = [
        *(finding for one in compared.differences for finding in told(one)),
        *(
            Finding("unreadable", one.urn, f"{short(one.urn)}: {one.text}" if one.urn else one.text, "unknown")
            for one in compared.failures
        ),
        *others,
    ]
    status = worst(finding.status for finding in findings)
    differ, foreign = len(compared.differences), sum(one.kind == "unmanaged" for one in others)
    parts = [f"{differ} of {compared.asked} resources are not as the state says"]
    parts += [f"{foreign} more are there that the state does not know"] if foreign else []
    parts += ["the cloud did not tell of all"] if status == "unknown" or compared.failures else []
    return Part(status, "; ".join(parts), findings)


def told(one: Difference) -> Iterator[Finding]:
    """Yield the findings of one resource, one for each property."""
    if one.kind == "gone":
        yield Finding("gone", one.urn, f"{short(one.urn)} is not in the cloud", values={"id": one.id})
    elif not one.properties:
        yield Finding("changed", one.urn, f"{short(one.urn)} was changed", values={"id": one.id})
    for each in one.properties:
        values = {"id": one.id, "property": each.path, "expected": each.expected, "actual": each.actual}
        sentence = f"{short(one.urn)}: {each.path} is {shown(each.actual)}, not {shown(each.expected)}"
        yield Finding("changed", one.urn, sentence, values=values)


def unmanaged(session: Session) -> Iterator[Finding]:
    """Yield what the cloud has with this environment's tags and the state does not know."""
    resources = (session.stack.nothing_secret().deployment or {}).get("resources", [])
    known = {(one["type"], one.get("id")) for one in resources}
    try:
        things = existing(session)
    except CloudError as error:
        yield Finding("unreadable", session.environment.name, f"what is there by tag: {error.message}", "unknown")
        return
    for thing in things:
        if (thing.type, thing.id) not in known:
            yield _unmanaged(thing)


def _unmanaged(thing: Thing) -> Finding:
    values: Mapping[str, Any] = {"id": thing.id, "type": thing.type}
    about = f"{thing.type} {thing.id}"
    if thing.kept:
        return Finding("kept", about, f"{about} is there on purpose: {thing.kept}", "ok", values)
    told = f"{about} has this environment's tags, and the state does not know it"
    return Finding("unmanaged", about, told, values=values)


def shown(value: Any) -> str:
    """Return a value as people read it, cut where it is long; JSON has it whole."""
    if value is None:
        return "not there"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    text = text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
    return json.dumps(text) if isinstance(value, str) else text
