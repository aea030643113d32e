"""Judges conditions of IAM policies: the part of CEL that policies of storage, Cloud SQL and projects are written in.

Source: https://cloud.google.com/iam/docs/conditions-attribute-reference and https://github.com/google/cel-spec.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

_TOKEN = re.compile(
    r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\')|(?P<word>[A-Za-z_]\w*)|(?P<sign>\|\||&&|==|!=|[!().,\[\]]))'
)
Value = Any
Node = Callable[["Asked"], Value]


class ConditionError(ValueError):
    """A condition that is not understood; it counts as not met."""


@dataclass(frozen=True)
class Asked:
    """What a condition sees.

    Attributes:
        name: the resource's name, such as `projects/_/buckets/b/objects/o`.
        type: the resource's type, such as `storage.googleapis.com/Object`.
        service: the resource's service, such as `storage.googleapis.com`.
        attributes: what `api.getAttribute` gives.
    """

    name: str
    type: str = ""
    service: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)

    def value(self, path: str) -> str:
        """Return an attribute by its path; raises ConditionError."""
        known = {"resource.name": self.name, "resource.type": self.type, "resource.service": self.service}
        if path not in known:
            raise ConditionError(f"{path} is not judged here")
        return known[path]


def met(expression: str, asked: Asked) -> bool:
    """Return whether a condition holds.

    Raises:
        ConditionError: it is not understood.
    """
    return bool(_parsed(expression)(asked))


def extracted(text: str, template: str) -> str:
    """Return what stands in the place of `{name}` of a template, empty if the template does not fit."""
    found = re.fullmatch(r"([^{}]*)\{\w+\}([^{}]*)", template)
    if found is None:
        raise ConditionError(f"{template!r} is no template of extract")
    before, after = found[1], found[2]
    _, begins, rest = text.partition(before)
    if not begins and before:
        return ""
    value, ends, _ = rest.partition(after) if after else (rest, "x", "")
    return value if ends else ""


@cache
def _parsed(expression: str) -> Node:
    parser = _Parser(expression)
    node = parser.either()
    if not parser.is_at_end:
        raise ConditionError(f"{expression!r} goes on where it should end")
    return node


class _Parser:
    def __init__(self, expression: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while expression[position:].strip():
            found = _TOKEN.match(expression, position)
            if found is None:
                raise ConditionError(f"{expression[position:]!r} is not understood")
            kind = str(found.lastgroup)
            self._tokens.append((kind, found[kind]))
            position = found.end()
        self._position = 0

    @property
    def is_at_end(self) -> bool:
        return self._position == len(self._tokens)

    def either(self) -> Node:
        nodes = [self._both()]
        while self._took("||"):
            nodes.append(self._both())
        return nodes[0] if len(nodes) == 1 else lambda asked: any(node(asked) for node in nodes)

    def _both(self) -> Node:
        nodes = [self._compared()]
        while self._took("&&"):
            nodes.append(self._compared())
        return nodes[0] if len(nodes) == 1 else lambda asked: all(node(asked) for node in nodes)

    def _compared(self) -> Node:
        left = self._one()
        for sign in ("==", "!="):
            if self._took(sign):
                right = self._one()
                return lambda asked: (left(asked) == right(asked)) == (sign == "==")
        return left

    def _one(self) -> Node:
        if self._took("!"):
            inner = self._one()
            return lambda asked: not inner(asked)
        if self._took("("):
            inner = self.either()
            self._need(")")
            return self._methods(inner)
        kind, token = self._next()
        if kind == "text":
            text = re.sub(r"\\(.)", r"\1", token[1:-1])
            return self._methods(lambda asked: text)
        if kind == "word":
            return self._methods(self._named(token))
        raise ConditionError(f"{token!r} is not understood here")

    def _named(self, word: str) -> Node:
        if word in ("true", "false"):
            return lambda asked: word == "true"
        self._need(".")
        _, name = self._next()
        if (word, name) == ("api", "getAttribute"):
            key, default = self._arguments(2)
            return lambda asked: asked.attributes.get(key(asked), default(asked))
        return lambda asked: asked.value(f"{word}.{name}")

    def _methods(self, node: Node) -> Node:
        while self._took("."):
            _, name = self._next()
            if name not in _METHODS:
                raise ConditionError(f"the function {name} is not judged here")
            (argument,) = self._arguments(1)
            node = _called(_METHODS[name], node, argument)
        return node

    def _arguments(self, count: int) -> list[Node]:
        self._need("(")
        found = [self.either()]
        while self._took(","):
            found.append(self.either())
        self._need(")")
        if len(found) != count:
            raise ConditionError(f"{len(found)} arguments where {count} are needed")
        return found

    def _took(self, sign: str) -> bool:
        if not self.is_at_end and self._tokens[self._position] == ("sign", sign):
            self._position += 1
            return True
        return False

    def _need(self, sign: str) -> None:
        if not self._took(sign):
            raise ConditionError(f"{sign!r} is missing")

    def _next(self) -> tuple[str, str]:
        if self.is_at_end:
            raise ConditionError("the condition ends too early")
        self._position += 1
        return self._tokens[self._position - 1]


def _called(function: Callable[[str, str], Value], node: Node, argument: Node) -> Node:
    return lambda asked: function(str(node(asked)), str(argument(asked)))


_METHODS: Mapping[str, Callable[[str, str], Value]] = {
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": lambda text, part: part in text,
    "matches": lambda text, pattern: re.search(pattern, text) is not None,
    "extract": extracted,
}
