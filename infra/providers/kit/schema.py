"""What a plugin knows about a type's properties, and when two of their values mean the same."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Final

from infra.providers.kit.values import UNKNOWN, Special, Value

# How a value may be written in the program; json and policy are documents held as text.
SCALARS: Final = frozenset({"string", "integer", "number", "boolean", "json", "policy", "asset"})
KINDS: Final = SCALARS | {"list", "map", "object"}


@dataclass(frozen=True)
class Property:
    """One property of a type, with those inside it.

    Attributes:
        name: in camelCase, as programs see it.
        kind: one of KINDS; a list with `children` is a list of objects.
        required: the program must give it.
        replace: a change needs a new resource.
        computed: when the program leaves it out, the cloud's value stands and is no difference.
        default: what a missing value means.
        unordered: the order of the list's items means nothing.
        local: the plugin's own affair: never sent to the cloud.
        unread: sent to the cloud, but never read back.
        compare: `exact`, `number` (100 equals 100.0), `last` (what follows the last slash) or `case` (upper case
            equals lower case).
        children: the properties of the object, or of the list's objects.
    """

    name: str
    kind: str = "string"
    required: bool = False
    replace: bool = False
    computed: bool = False
    default: Value = None
    unordered: bool = False
    local: bool = False
    unread: bool = False
    compare: str = "exact"
    children: Mapping[str, "Property"] = field(default_factory=dict)

    @property
    def readable(self) -> bool:
        """Whether the cloud says what it is."""
        return not (self.local or self.unread)


def empty(value: Value) -> bool:
    """Say whether a value stands for nothing; a missing value, "", 0 and false are one to the AWS and GCP plugins."""
    return value is not UNKNOWN and (value is None or value is False or value in ("", 0, [], {}))


def same(known: Property, old: Value, new: Value) -> bool:
    """Say whether the recorded or live value `old` is what the program's value `new` asks for."""
    if new is UNKNOWN or old is UNKNOWN:
        return old is new
    if new is None:
        if known.computed:
            return True
        new = known.default
    if old is None:
        old = known.default
    if empty(old) and empty(new):
        return True
    return _same_kind(known, old, new)


def _same_kind(known: Property, old: Value, new: Value) -> bool:
    if isinstance(old, dict) and isinstance(new, dict) and known.children:
        return all(same(child, old.get(name), new.get(name)) for name, child in known.children.items())
    if isinstance(old, list) and isinstance(new, list):
        return _same_list(known, old, new)
    if known.kind in ("json", "policy") and isinstance(old, str) and isinstance(new, str):
        return old == new or canonical(old, policy=known.kind == "policy") == canonical(
            new, policy=known.kind == "policy"
        )
    compared = _COMPARED.get(known.compare)
    return bool(compared(old) == compared(new) if compared else old == new)


def item_of(known: Property) -> Property:
    """Return the property that stands for one item of this list."""
    kind = "object" if known.children else "string"
    return Property(known.name, kind, replace=known.replace, children=known.children)


def _same_list(known: Property, old: list[Value], new: list[Value]) -> bool:
    if len(old) != len(new):
        return False
    item = item_of(known)
    if not known.unordered:
        return all(same(item, before, after) for before, after in zip(old, new, strict=True))
    return not unmatched(item, old, new)


def unmatched(item: Property, old: list[Value], new: list[Value]) -> list[Value]:
    """Return the new items that no old one equals, each old one used once."""
    left = list(old)
    rest = []
    for wanted in new:
        found = next((index for index, have in enumerate(left) if same(item, have, wanted)), None)
        if found is None:
            rest.append(wanted)
        else:
            del left[found]
    return rest


def _last(value: Value) -> str:
    return str(value).rsplit("/", 1)[-1]


def _lower(value: Value) -> str:
    return str(value).lower()


def _number(value: Value) -> Decimal | str:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return str(value)


_COMPARED: Mapping[str, Callable[[Value], Value]] = {"number": _number, "last": _last, "case": _lower}


def canonical(text: str, *, policy: bool) -> Value:
    """Return a document in a form in which equal meanings are equal; text that is no JSON stays text."""
    try:
        document = json.loads(text)
    except ValueError:
        return text
    return _policy(document) if policy else document


def _policy(value: Value, key: str = "") -> Value:
    """Normalise a policy: one value and a list of one are equal, and the order in a list means nothing."""
    if isinstance(value, dict):
        return {name: _policy(item, name) for name, item in value.items()}
    if isinstance(value, list):
        items = sorted((_policy(item, key) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
        return items[0] if len(items) == 1 else items
    if isinstance(value, bool):
        return str(value).lower()  # conditions hold booleans as text
    return value


def is_asset(value: Value) -> bool:
    """Say whether a value is an asset or an archive."""
    return isinstance(value, Special)
