"""The expressions of SageMaker's pipeline definitions: `Get` and `Std:Join`, checked and resolved."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.localcloud.jobs.definition import DefinitionError

Value = str | int | float | bool
EXECUTION = (
    "CurrentDateTime",
    "PipelineArn",
    "PipelineExecutionArn",
    "PipelineExecutionId",
    "PipelineName",
    "StartDateTime",
)
_PART = re.compile(r"\.?(?P<member>[A-Za-z0-9_]+)|\['(?P<key>[^']*)'\]|\[(?P<index>[0-9]+)\]")


@dataclass(frozen=True)
class Reference:
    """What a `Get` names: a parameter, a fact of the execution, or a property of a step (`step` is empty otherwise)."""

    kind: str
    step: str
    name: str

    @property
    def root(self) -> str:
        """The first member of the property's path."""
        return self.name.partition(".")[0].partition("[")[0]


def is_expression(value: Any) -> bool:
    """Whether a JSON value is to be resolved rather than taken as it is."""
    return isinstance(value, Mapping) and len(value) == 1 and next(iter(value)).partition(":")[0] in ("Get", "Std")


def check_expression(expression: Mapping[str, Any], path: str, parameters: set[str]) -> None:
    """Raise DefinitionError for an expression that cannot be resolved, whatever the steps will answer."""
    if "Get" not in expression:
        _join_parts(expression, path)
    for reference in references(expression, path):
        if reference.kind == "Parameters" and reference.name not in parameters:
            raise DefinitionError(path, f"there is no parameter {reference.name!r}")
        if reference.kind == "Execution" and reference.name not in EXECUTION:
            raise DefinitionError(path, f"an execution has no {reference.name!r}")


def references(expression: Any, path: str) -> Iterator[Reference]:
    """Yield what an expression refers to. Raises DefinitionError for a `Get` that names nothing."""
    if not is_expression(expression):
        return
    if "Get" in expression:
        yield _reference(expression["Get"], path)
        return
    for part in _join_parts(expression, path)[1]:
        yield from references(part, path)


def resolve(value: Any, path: str, lookup: Callable[[Reference], Any]) -> Any:
    """Return a JSON value with all expressions in it resolved; raises DefinitionError where one cannot be."""
    if is_expression(value):
        return _resolve(value, path, lookup)
    if isinstance(value, Mapping):
        return {name: resolve(member, f"{path}.{name}", lookup) for name, member in value.items()}
    if isinstance(value, list):
        return [resolve(member, f"{path}[{index}]", lookup) for index, member in enumerate(value)]
    return value


def read_property(described: Any, reference: Reference, path: str) -> Any:
    """Follow a step's property, such as `ProcessingOutputConfig.Outputs['n'].S3Output.S3Uri`, through a description.

    A key in brackets chooses the item of a list by its name. Raises DefinitionError where it leads nowhere.
    """
    found = described
    for part in _PART.finditer(reference.name):
        found = _follow(found, part)
        if found is None:
            raise DefinitionError(path, f"the step {reference.step!r} has no {reference.name!r}")
    return found


def _follow(value: Any, part: re.Match[str]) -> Any:
    if part["index"] is not None:
        position = int(part["index"])
        return value[position] if isinstance(value, list) and position < len(value) else None
    name = part["member"] or part["key"]
    if isinstance(value, Mapping):
        return value.get(name)
    if isinstance(value, list) and part["key"] is not None:
        return next((item for item in value if isinstance(item, Mapping) and _is_named(item, name)), None)
    return None


def _is_named(item: Mapping[str, Any], name: str) -> bool:
    return any(member.endswith("Name") and value == name for member, value in item.items())


def _resolve(expression: Mapping[str, Any], path: str, lookup: Callable[[Reference], Any]) -> Any:
    if "Get" in expression:
        return lookup(_reference(expression["Get"], path))
    separator, parts = _join_parts(expression, path)
    return separator.join(_text(resolve(part, path, lookup), path) for part in parts)


def _text(value: Any, path: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise DefinitionError(path, f"only plain values can be joined, not {value!r}")
    return str(value)


def _join_parts(expression: Mapping[str, Any], path: str) -> tuple[str, list[Any]]:
    function = next(iter(expression))
    if function != "Std:Join":
        raise DefinitionError(path, f"{function} is not implemented in the local cloud; Get and Std:Join are")
    join = expression[function]
    if not isinstance(join, Mapping) or set(join) != {"On", "Values"}:
        raise DefinitionError(path, "Std:Join needs On and Values")
    if not isinstance(join["On"], str) or not isinstance(join["Values"], list):
        raise DefinitionError(path, "of Std:Join, On must be a text and Values a list")
    for part in join["Values"]:
        if not is_expression(part) and not isinstance(part, str | int | float):
            raise DefinitionError(path, f"only plain values can be joined, not {part!r}")
    return join["On"], join["Values"]


def _reference(text: Any, path: str) -> Reference:
    kind, _, rest = text.partition(".") if isinstance(text, str) else ("", "", "")
    if kind in ("Parameters", "Execution") and rest:
        return Reference(kind, "", rest)
    if kind == "Steps":
        step, _, name = rest.partition(".")
        if step and name and "".join(part[0] for part in _PART.finditer(name)) == name:
            return Reference(kind, step, name)
    raise DefinitionError(path, f"Get cannot resolve {text!r}")
