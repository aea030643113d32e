"""What a line reads of a resource: inputs by path, as numbers or words, unknown where only an update will know."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from infra.graph import UNKNOWN

# How Cloud Run writes cores and memory: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity
SUFFIXES = {"Gi": Decimal(1), "Mi": Decimal(1) / 1024, "m": Decimal("0.001")}
_FIELD = re.compile(r"\{([\w.]+)\}")


class NotKnownError(LookupError):
    """An input is known only after `up`, or is not there; the message says which."""


@dataclass(frozen=True)
class Inputs:
    """The inputs of a resource, or of an item in them.

    Attributes:
        values: the inputs.
        defaults: those that the cloud sets where the program gives none, by path.
        place: the path of the item, for messages; empty for the resource itself.
    """

    values: Mapping[str, Any]
    defaults: Mapping[str, Any]
    place: str = ""

    def get(self, path: str) -> Any:
        """Return the input at a path such as `template.containers.0.image`; None if there is none."""
        found: Any = self.values
        for part in path.split("."):
            if isinstance(found, Mapping):
                found = found.get(part)
            elif isinstance(found, Sequence) and not isinstance(found, str) and part.isdigit():
                found = found[int(part)] if int(part) < len(found) else None
            else:
                return found if found == UNKNOWN else self.defaults.get(path)
        return self.defaults.get(path) if found is None else found

    def known(self, path: str) -> Any:
        """Return the input at a path; raises NotKnownError."""
        found = self.get(path)
        if found is None:
            raise NotKnownError(f"the resource has no {self.place}{path}")
        if found == UNKNOWN or (isinstance(found, Mapping) and UNKNOWN in found.values()):
            raise NotKnownError(f"{self.place}{path} is known only after `up`")
        return found

    def number(self, path: str) -> Decimal:
        """Return the input at a path as a number; raises NotKnownError."""
        found = str(self.known(path))
        suffix = next((suffix for suffix in SUFFIXES if found.endswith(suffix)), "")
        try:
            number = Decimal(found.removesuffix(suffix))
        except InvalidOperation as error:
            raise NotKnownError(f"{self.place}{path} is {found}, which is no number") from error
        return number * SUFFIXES[suffix] if suffix else number

    def filled(self, text: str) -> str:
        """Return a text with the inputs that it names in braces, in lower case; raises NotKnownError."""
        return _FIELD.sub(lambda match: _word(self.known(match[1])), text)

    def matches(self, path: str, allowed: Sequence[str]) -> bool:
        """Return whether an input has one of some values, texts in lower case; raises NotKnownError if unknown."""
        if self.get(path) is None:
            return False
        return "*" in allowed or _word(self.known(path)) in allowed

    def items(self, path: str) -> list["Inputs"]:
        """Return the items of a list; none if there is no such list; raises NotKnownError."""
        if self.get(path) is None:
            return []
        return [Inputs(item, self.defaults, f"{path}[{index}].") for index, item in enumerate(self.known(path))]


def _word(value: Any) -> str:
    """The engine hands whole numbers on as floats: 60.0 is 60."""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value).lower()
