"""The provider's own say in labels: those that every resource gets, and which of the live ones are the program's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.providers.kit.values import UNKNOWN, Properties, Unknown, has_unknown

MARK = {"goog-pulumi-provisioned": "true"}
"""What the real provider adds to all that it makes, and does not add again where somebody took it off."""


@dataclass(frozen=True)
class LabelRules:
    """The provider's labels.

    Attributes:
        default: what every resource gets.
        marked: whether what is made is marked as Pulumi's.
    """

    default: Mapping[str, str] = field(default_factory=dict)
    marked: bool = True

    def all_of(self, labels: Mapping[str, Any] | Unknown | None, recorded: Properties) -> Any:
        """Return the labels that a resource with these labels gets from here; its own win.

        `recorded` are its recorded outputs, empty for one that is to be made.
        """
        if isinstance(labels, Unknown) or has_unknown(labels):
            return UNKNOWN
        held = recorded.get("pulumiLabels")
        mark = MARK if self.marked and (held is None or MARK.keys() <= held.keys()) else {}
        return {**self.default, **mark, **(labels or {})}

    def effective(self, labels: Mapping[str, Any] | Unknown | None, recorded: Properties) -> Any:
        """Return all labels that the resource will have: these, and those that others put there."""
        wanted = self.all_of(labels, recorded)
        if isinstance(wanted, Unknown):
            return UNKNOWN
        ours = recorded.get("pulumiLabels") or {}
        others = {key: value for key, value in (recorded.get("effectiveLabels") or {}).items() if key not in ours}
        return {**others, **wanted}
