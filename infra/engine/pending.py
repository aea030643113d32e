"""What an interrupted operation left undecided: noted in the state, asked of the cloud, then adopted or dropped."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi import automation

from infra.engine.events import CutOff, Message, Watch, short
from infra.engine.lookups import Lookups, UnknowableError, lookups_of
from infra.engine.session import Session
from infra.errors import ProvisioningError
from infra.providers.kit.resource import PluginError
from infra.providers.kit.values import SIGNATURE_KEY

Resource = dict[str, Any]
Find = Callable[[str, Mapping[str, Any], set[str]], str | None]
# What others made in a cloud, and our own that did; the rest of ours finds by itself what it made.
CLOUD_PREFIXES = ("aws:", "gcp:", "stile:endpoint:EndpointDeployment")
KINDS = {
    "create": "creating",
    "create-replacement": "creating",
    "update": "updating",
    "delete": "deleting",
    "delete-replaced": "deleting",
}
BARE = ("urn", "type", "custom", "id")  # no values: a note is a plain file
LONGEST_SECONDS = 3600.0  # an endpoint's own limit
FIRST_POLL_SECONDS, LONGEST_POLL_SECONDS = 0.1, 10.0


@dataclass(frozen=True)
class Hands:
    """What a recovery does through the engine.

    Attributes:
        refresh: makes the state what the cloud says.
        write: puts a deployment in place of the state's.
        remove: deletes resources, by their URNs, and what depends on them.
    """

    refresh: Callable[[], object]
    write: Callable[[automation.Deployment], None]
    remove: Callable[[list[str]], object]


def settle(session: Session, watch: Watch, hands: Hands) -> None:
    """Ask the cloud what came of operations that began and were never seen to end.

    What was being created is put into the state under its id if the cloud has it; the refresh that follows reads the
    rest. It is put there unread first, so that this can be cut off too. Where nothing gives the id, the user is told.
    What was made and failed is removed: it takes no change, and holds the name of what the next update makes.

    Args:
        session: the environment.
        watch: is told what is going on.
        hands: what is done through the engine.

    Raises:
        ProvisioningError: the cloud does not say, or something in it does not come to rest.
    """
    if is_settled(session):
        noted_path(session).unlink(missing_ok=True)
        return
    exported = session.stack.export_stack()
    deployment = dict(exported.deployment or {})
    pending, unread = undecided(session, deployment)
    urns = list(dict.fromkeys([*(item["resource"]["urn"] for item in pending), *unread]))
    names = ", ".join(short(urn) for urn in urns)
    watch(
        Message("warning", f"an earlier update was cut off or failed during: {names}; asking the cloud what came of it")
    )
    try:
        answer = ask(lookups_of(session), {**deployment, "pending_operations": pending}, urns, watch)
    except PluginError as error:
        raise ProvisioningError(
            f"the cloud does not say what came of {names}: {error}", fix="mend that, and run the command again"
        ) from error
    hands.write(automation.Deployment(version=exported.version, deployment=answer.deployment))
    hands.refresh()
    if answer.failed:
        watch(Message("warning", f"removing what was made and failed: {', '.join(map(short, answer.failed))}"))
        hands.remove(answer.failed)
    noted_path(session).unlink(missing_ok=True)
    for urn in answer.unknown:
        watch(Message("warning", f"{short(urn)} may exist in the cloud without being known here; look there"))


@dataclass(frozen=True)
class Answer:
    """What the cloud says of a deployment's undecided operations.

    Attributes:
        deployment: without them, and with what they made.
        failed: the URNs of what was made and is of no use.
        unknown: the URNs of what was being created and of which nothing says whether the cloud has it.
    """

    deployment: dict[str, Any]
    failed: list[str]
    unknown: list[str]


def ask(lookups: Lookups, deployment: Mapping[str, Any], urns: Sequence[str], watch: Watch) -> Answer:
    """Ask the cloud what came of a deployment's pending operations, once it has come to rest.

    Args:
        lookups: ask the cloud.
        deployment: with its pending operations.
        urns: of all resources that are undecided.
        watch: is told what is waited for.

    Raises:
        PluginError: the cloud refuses or does not answer.
        ProvisioningError: something does not come to rest.
    """
    adopted, unknown = adopt(deployment, lookups.find)
    touched = [each for each in adopted["resources"] if each["urn"] in urns and each.get("id")]
    for resource in touched:
        await_rest(lookups, resource, watch)
    failed = [each["urn"] for each in touched if is_unread(each) and lookups.failed(each["type"], each["id"])]
    return Answer(adopted, failed, unknown)


def is_settled(session: Session) -> bool:
    """True if nothing was left undecided: what every command finds, so it is looked up without decrypting the state."""
    pending, unread = undecided(session, session.stack.nothing_secret().deployment or {})
    return not pending and not unread


def undecided(session: Session, deployment: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the operations that were never seen to end, and the URNs of what was adopted and never read."""
    resources = deployment.get("resources", [])
    pending = [*(deployment.get("pending_operations") or []), *noted(session, resources)]
    return pending, [resource["urn"] for resource in resources if is_unread(resource)]


def is_unread(resource: Resource) -> bool:
    """True for what was adopted and never read: the recovery itself was cut off."""
    in_cloud = resource["type"].startswith(CLOUD_PREFIXES)
    return bool(in_cloud and resource.get("custom") and resource.get("id") and not resource.get("outputs"))


def await_rest(lookups: Lookups, resource: Resource, watch: Watch) -> None:
    """Wait until what the cloud still does to a resource has ended: until then it takes no other change.

    Raises:
        ProvisioningError: it does not end in an hour.
    """
    deadline, pause, told = time.monotonic() + LONGEST_SECONDS, FIRST_POLL_SECONDS, ""
    while state := lookups.passing(resource["type"], resource["id"]):
        if state != told:
            watch(Message("info", f"{short(resource['urn'])} is {state}; waiting for that to end"))
            told = state
        if time.monotonic() > deadline:
            raise ProvisioningError(f"{short(resource['urn'])} is {state} for more than an hour", path=resource["urn"])
        time.sleep(pause)  # the wait is on the cloud; this is only the pace of asking
        pause = min(2 * pause, LONGEST_POLL_SECONDS)


def adopt(deployment: Mapping[str, Any], find: Find) -> tuple[dict[str, Any], list[str]]:
    """Return a deployment without pending operations, with what was being created in it if the cloud has it.

    One that was to replace another stands in its place, as the engine has it: the other is marked for deletion.

    Also returns the URNs of what was being created and of which nothing says whether the cloud has it.
    """
    resources: list[Resource] = list(deployment.get("resources", []))
    unknown = []
    for item in deployment.get("pending_operations") or []:
        made = item["resource"]
        if item["type"] != "creating" or not made.get("custom") or not made["type"].startswith(CLOUD_PREFIXES):
            continue
        taken = {resource["id"] for resource in resources if resource.get("id") and not is_replaced(resource)}
        try:
            identity = find(made["type"], made.get("inputs", {}), taken)
        except UnknowableError:
            unknown.append(made["urn"])
            continue
        if identity and identity not in _ids(resources, made["urn"]):
            resources = [*_set_aside(resources, made["urn"]), {**made, "id": identity, "outputs": {}}]
    kept = {key: value for key, value in deployment.items() if key != "pending_operations"}
    return {**kept, "resources": in_order(resources)}, unknown


def is_replaced(resource: Resource) -> bool:
    """True for what was deleted already so that another can take its place."""
    return bool(resource.get("pendingReplacement"))


def _ids(resources: Sequence[Resource], urn: str) -> set[str]:
    return {each["id"] for each in resources if each["urn"] == urn and each.get("id") and not is_replaced(each)}


def _set_aside(resources: Sequence[Resource], urn: str) -> Iterator[Resource]:
    for resource in resources:
        if resource["urn"] != urn:
            yield resource
        elif not is_replaced(resource):
            yield {**resource, "delete": True}


def in_order(resources: Sequence[Resource]) -> list[Resource]:
    """Return resources so that each stands after what it depends on, as the engine wants a state."""
    current = {resource["urn"]: resource for resource in resources if not resource.get("delete")}
    placed: list[Resource] = []
    seen: set[int] = set()

    def place(resource: Resource) -> None:
        if id(resource) in seen:
            return
        seen.add(id(resource))
        for urn in _needs(resource):
            if urn in current:
                place(current[urn])
        placed.append(resource)

    for resource in resources:
        place(resource)
    return placed


def _needs(resource: Resource) -> Iterator[str]:
    yield from (urn for urn in (resource.get("parent"), resource.get("deletedWith")) if urn)
    yield resource.get("provider", "").rpartition("::")[0]  # a provider's URN and its id
    yield from resource.get("dependencies") or ()


def note(session: Session, steps: Sequence[CutOff], watch: Watch, write: Callable[[Any], None]) -> None:
    """Remember that these steps began and nobody knows how they ended.

    The engine does so itself, in the state, when it is killed. When only a plugin is, or when a call is cancelled, it
    takes the step for one that did nothing, and what it did make would be nobody's. It takes no such note from others
    (`pulumi stack import` drops them), so it is kept beside the state; what the cloud has already is put into the state
    at once, for whoever works on it next.
    """
    exported = session.stack.export_stack()
    deployment = dict(exported.deployment or {})
    resources = deployment.get("resources", [])
    pending = [item for step in steps if (item := _pending(step, resources))]
    if not pending:
        return
    before = [*noted(session, resources), *pending]
    noted_path(session).parent.mkdir(parents=True, exist_ok=True)
    noted_path(session).write_text(json.dumps(before))
    try:
        adopted, _ = adopt({**deployment, "pending_operations": pending}, lookups_of(session).find)
    except PluginError as error:
        watch(Message("warning", f"the cloud does not say yet what came of what was cut off: {error}"))
        return
    if any(map(is_unread, adopted["resources"])):
        write(automation.Deployment(version=exported.version, deployment=adopted))


def noted_path(session: Session) -> Path:
    """Return the file in which steps stand that were cut off and that the engine did not note."""
    return session.environment.state_dir / "local" / f"{session.environment.name}.cut-off.json"


def noted(session: Session, resources: Sequence[Resource]) -> list[dict[str, Any]]:
    """Return the steps noted here whose resources are as they were then: others have not gone on with them since."""
    path = noted_path(session)
    items = json.loads(path.read_text()) if path.is_file() else []
    ids = _current_ids(resources)
    return [item for item in items if ids.get(item["resource"]["urn"]) == item["was"]]


def _current_ids(resources: Sequence[Resource]) -> dict[str, str | None]:
    return {each["urn"]: each.get("id") for each in resources if not each.get("delete") and not is_replaced(each)}


def _pending(step: CutOff, resources: Sequence[Resource]) -> dict[str, Any] | None:
    kind = KINDS.get(step.op)
    if kind is None or not step.type.startswith(CLOUD_PREFIXES):
        return None
    was = _current_ids(resources).get(step.urn)
    known = next((each for each in resources if each["urn"] == step.urn), None)
    if kind != "creating":
        return {"type": kind, "resource": {key: known.get(key) for key in BARE}, "was": was} if known else None
    made = {
        "urn": step.urn,
        "custom": True,
        "type": step.type,
        "inputs": {name: value for name, value in step.inputs.items() if SIGNATURE_KEY not in json.dumps(value)},
        "parent": step.parent,
        "provider": step.provider,
        # the engine's event does not say; all that was there when it began is a safe answer
        "dependencies": [] if known else [each["urn"] for each in resources if each.get("custom")],
    }
    return {"type": kind, "resource": {name: value for name, value in made.items() if value}, "was": was}
