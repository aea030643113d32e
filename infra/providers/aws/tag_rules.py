"""The provider's own say in tags: those that every resource gets, and those that are not its to see."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.providers.kit.values import UNKNOWN, Unknown, has_unknown


@dataclass(frozen=True)
class TagRules:
    """The provider's tags: those that every resource gets, and those that are not ours to see."""

    default: Mapping[str, str] = field(default_factory=dict)
    ignored_keys: frozenset[str] = frozenset()
    ignored_prefixes: tuple[str, ...] = ()

    def all_of(self, tags: Mapping[str, Any] | Unknown | None) -> Any:
        """Return the tags that a resource with these tags gets; the resource's own win."""
        return (
            UNKNOWN if isinstance(tags, Unknown) or has_unknown(tags) else self.seen({**self.default, **(tags or {})})
        )

    def seen(self, tags: Mapping[str, str]) -> dict[str, str]:
        """Return the tags without the ignored ones."""
        return {
            key: value
            for key, value in tags.items()
            if key not in self.ignored_keys and not key.startswith(self.ignored_prefixes or "\0")
        }

    def own_of(self, live: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
        """Return the live tags that are the resource's own: all but defaults that it does not give itself."""
        return {key: value for key, value in live.items() if key in given or self.default.get(key) != value}
