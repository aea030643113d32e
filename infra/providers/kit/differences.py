"""The differences between what is recorded and what the program asks for, by path, as the real bridge finds them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.providers.kit.resource import Change
from infra.providers.kit.schema import Property, empty, item_of, same
from infra.providers.kit.values import UNKNOWN, Properties, Value

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def differences(
    properties: Mapping[str, Property], olds: Properties, news: Properties, *, whole_blocks: bool = False
) -> dict[str, Change]:
    """Return each change by its path, such as `rules[0].status`.

    A path replaces if it is so marked, or if it is an item of a list or map so marked. With `whole_blocks` (types of
    Terraform's newer framework) it also replaces when any block around it is so marked.
    """
    walk = _Walk(whole_blocks=whole_blocks)
    for name, known in properties.items():
        walk.compare(known, name, olds.get(name), news.get(name), replacing=False)
    return walk.changes


def key_path(path: str, key: str) -> str:
    """Return the path of a key in the object at a path; keys that are no words are quoted."""
    return f"{path}.{key}" if _PLAIN_KEY.fullmatch(key) else f"{path}[{json.dumps(key)}]"


@dataclass
class _Walk:
    whole_blocks: bool
    changes: dict[str, Change] = field(default_factory=dict)

    def compare(self, known: Property, path: str, old: Value, new: Value, *, replacing: bool) -> None:
        """Note the differences at and below a path; `replacing` says that what is around it replaces."""
        if same(known, old, new):
            return
        if new is None:
            new = known.default
        below = replacing and self.whole_blocks
        if isinstance(old, dict) and isinstance(new, dict):
            self._compare_objects(known, path, old, new, replacing=below)
        elif isinstance(old, list) and isinstance(new, list) and old and new and not known.unordered:
            self._compare_lists(known, path, old, new, replacing=below)
        else:
            self._note(known, path, old, new, replacing=replacing or known.replace)

    def _compare_objects(
        self, known: Property, path: str, old: Properties, new: Properties, *, replacing: bool
    ) -> None:
        if known.children:
            for name, child in known.children.items():
                replaces = replacing or (self.whole_blocks and known.replace)
                self.compare(child, key_path(path, name), old.get(name), new.get(name), replacing=replaces)
            return
        value = Property(known.name, "string", replace=known.replace)
        for key in sorted(old.keys() | new.keys()):
            self.compare(value, key_path(path, key), old.get(key), new.get(key), replacing=replacing)

    def _compare_lists(
        self, known: Property, path: str, old: list[Value], new: list[Value], *, replacing: bool
    ) -> None:
        item = item_of(known)
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else None
            after = new[index] if index < len(new) else None
            self.compare(item, f"{path}[{index}]", before, after, replacing=replacing)

    def _note(self, known: Property, path: str, old: Value, new: Value, *, replacing: bool) -> None:
        replaces = replacing or _holds_replacing(known, old) or _holds_replacing(known, new)
        if new is UNKNOWN and not empty(old):
            kind = "update"
        elif empty(old):
            kind = "add"
        else:
            kind = "delete" if new is not UNKNOWN and empty(new) else "update"
        self.changes[path] = Change(f"{kind}-replace" if replaces else kind)


def _holds_replacing(known: Property, value: Value) -> bool:
    """Say whether a block that comes or goes holds a value whose change replaces."""
    if isinstance(value, list):
        return any(_holds_replacing(item_of(known), item) for item in value)
    if not isinstance(value, dict):
        return False
    return any(
        child.replace or _holds_replacing(child, value[name])
        for name, child in known.children.items()
        if not empty(value.get(name))
    )
