"""Reads what is live of a type, from its table: wherever its operations are called, a local cloud or a real account."""

import string
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from infra.providers.kit.resource import CallFailed, PluginError
from infra.providers.kit.shapes import search
from infra.providers.kit.tables import Call, Type


def fill(template: Any, known: Mapping[str, Any]) -> Any:
    """Return a template with each `{property}` filled in, in nested structures too."""
    if isinstance(template, str):
        return template.format_map(known)
    if isinstance(template, Mapping):
        return {key: fill(value, known) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [fill(value, known) for value in template]
    return template


def parse_id(template: str, identity: str) -> dict[str, str]:
    """Return the properties that an id such as `role:policy` was made of. Raises PluginError if it has another form."""
    parts = list(string.Formatter().parse(template))
    found, rest = {}, identity
    for index, (literal, name, _, _) in enumerate(parts):
        rest = rest.removeprefix(literal)
        if name is None:
            continue
        following = parts[index + 1][0] if index + 1 < len(parts) else ""
        value, separator, rest = rest.partition(following) if following else (rest, "", "")
        if following and not separator:
            raise PluginError(f"the id {identity} has not the form {template}")
        rest = following + rest
        found[name] = value
    return found


class Reader(ABC):
    """Reads the resources of one type.

    Attributes:
        type: its table.
    """

    def __init__(self, table: Type) -> None:
        self.type = table

    @abstractmethod
    def __call__(self, operation: str, service: str | None = None, **args: Any) -> Any:
        """Call an operation of the type's service. Raises CallFailed when it is refused, else PluginError."""

    def read(self, known: Mapping[str, Any], *, first_only: bool = False) -> dict[str, Any] | None:
        """Return what is live as one document, or None if the cloud said that there is nothing."""
        document: dict[str, Any] = {}
        for call in self.type.reads[:1] if first_only else self.type.reads:
            try:
                part = self._part(call, known)
            except CallFailed as error:
                if error.means(call.absent):
                    continue
                if error.means(self.type.missing):
                    return None
                raise
            if part is None and call.under is None:
                return None
            document.update({call.under: part} if call.under else part)
        return document

    def _part(self, call: Call, known: Mapping[str, Any]) -> Any:
        answer = self(call.operation, **fill(call.args, known))
        return search(call.result.format_map(known), answer) if call.result else answer
