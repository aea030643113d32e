"""The resources of an environment: one type, made from mocks, from `preview --json` and from a state alike."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

# How the engine writes a value that only an update will know.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
STACK_TYPE = "pulumi:pulumi:Stack"
PROVIDER_PREFIX = "pulumi:providers:"
# What the engine itself adds to a resource's inputs.
ENGINE_KEYS = ("__defaults", "__internal")
NESTED = (dict, list)
# How a state marks a secret, beside which stands `plaintext` or `ciphertext`.
# source: pulumi, sdk/go/common/resource/sig/sig.go
SIGNATURE, SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"


@dataclass(frozen=True)
class Resource:
    """One declared resource.

    Attributes:
        urn: its name in the stack.
        type: its type token.
        name: its name in the program.
        parent: its parent's URN; None for the stack itself.
        inputs: its properties as the program gives them; UNKNOWN where only an update will know, secrets in the clear
            only if the program gave them so.
    """

    urn: str
    type: str
    name: str
    parent: str | None
    inputs: Mapping[str, Any] = field(hash=False)


@dataclass(frozen=True)
class Graph:
    """All declared resources, sorted by URN; providers left out, since the engine adds them as it needs them."""

    resources: tuple[Resource, ...]

    def tree(self) -> Iterator[tuple[int, Resource]]:
        """Yield every resource after its parent, with the number of parents above it."""
        children: dict[str | None, list[Resource]] = {}
        for resource in self.resources:
            children.setdefault(resource.parent, []).append(resource)
        waiting = [(0, root) for root in reversed(children.get(None, []))]
        while waiting:
            depth, resource = waiting.pop()
            yield depth, resource
            waiting += [(depth + 1, child) for child in reversed(children.get(resource.urn, []))]


def graph(resources: Iterable[Resource]) -> Graph:
    """Put resources into a graph; providers are left out."""
    kept = (one for one in resources if not one.type.startswith(PROVIDER_PREFIX))
    return Graph(tuple(sorted(kept, key=lambda one: one.urn)))


def from_preview(text: str) -> Graph:
    """Read what `pulumi preview --json` writes: what would be there after `up`.

    Raises:
        ValueError: it is not JSON.
    """
    document = from_json(text)
    return _of_states(step["newState"] for step in document.get("steps", []) if step.get("newState"))


def from_state(resources: Iterable[Mapping[str, Any]]) -> Graph:
    """Read the resources of an exported state, without those that the engine is only about to delete.

    A secret is in the clear if it was exported so, else UNKNOWN.
    """
    return _of_states({**one, "inputs": opened(one.get("inputs", {}))} for one in resources if not one.get("delete"))


def _of_states(states: Iterable[Mapping[str, Any]]) -> Graph:
    return graph(
        Resource(
            urn=state["urn"],
            type=state["type"],
            name=state["urn"].split("::", 3)[3],
            parent=state.get("parent") or None,
            inputs=cleaned(state.get("inputs", {})) if state.get("custom") else {},
        )
        for state in states
    )


def cleaned(value: Any) -> Any:
    """Return inputs, as they are read from JSON, without what the engine adds to them."""
    if isinstance(value, dict):
        kept = value.copy()
        for key in ENGINE_KEYS:
            kept.pop(key, None)
        # Most of a preview is words and numbers: they cost no call each.
        for key, item in kept.items():
            if isinstance(item, NESTED):
                kept[key] = cleaned(item)
        return kept
    return [cleaned(item) if isinstance(item, NESTED) else item for item in value] if isinstance(value, list) else value


def opened(value: Any) -> Any:
    """Return inputs of a state with each secret as what it hides, UNKNOWN where it is encrypted."""
    if isinstance(value, Mapping):
        if value.get(SIGNATURE) == SECRET:
            return json.loads(value["plaintext"]) if "plaintext" in value else UNKNOWN
        return {key: opened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [opened(item) for item in value]
    return value
