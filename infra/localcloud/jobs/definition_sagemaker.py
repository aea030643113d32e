"""Reads SageMaker's pipeline definition (version 2020-12-01) whole, before anything of it runs.

Source: https://aws-sagemaker-mlops.github.io/sagemaker-model-building-pipeline-definition-JSON-schema/
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.localcloud.jobs.dag import GraphError, Node, check
from infra.localcloud.jobs.definition import DefinitionError, UnsupportedError, require
from infra.localcloud.jobs.expressions_sagemaker import Value, check_expression, is_expression, references

VERSION = "2020-12-01"
RUNNABLE = ("Processing", "Training")
# Step types that the vendor has and the local cloud does not run.
OTHER_TYPES = (
    "AutoML",
    "Callback",
    "ClarifyCheck",
    "Condition",
    "EMR",
    "EMRServerless",
    "Fail",
    "Lambda",
    "Model",
    "NotebookJob",
    "QualityCheck",
    "RegisterModel",
    "Transform",
    "Tuning",
)
STEP_MEMBERS = (
    "Name",
    "Type",
    "Arguments",
    "DependsOn",
    "DisplayName",
    "Description",
    "CacheConfig",
    "RetryPolicies",
    "PropertyFiles",
)
PARAMETER_TYPES: Mapping[str, type] = {"String": str, "Integer": int, "Float": float, "Boolean": bool}
NAME = re.compile(r"[A-Za-z0-9](-*[A-Za-z0-9_])*")
NAME_CHARACTERS = 64


@dataclass(frozen=True)
class Parameter:
    """A parameter of the pipeline; `default` is None where a run must give a value."""

    name: str
    type: str
    default: Value | None
    allowed: tuple[Value, ...]

    def read(self, text: str) -> Value:
        """Read the value that a run gives. Raises DefinitionError."""
        path = f"PipelineParameters.{self.name}"
        value = _read(text, self.type, path)
        if self.allowed and value not in self.allowed:
            raise DefinitionError(path, f"{text!r} is none of {', '.join(map(str, self.allowed))}")
        return value


@dataclass(frozen=True)
class Step:
    """A step: what it creates, with expressions yet to be resolved, and the steps that it waits for."""

    name: str
    type: str
    arguments: Mapping[str, Any]
    after: frozenset[str]
    display_name: str | None
    description: str | None


@dataclass(frozen=True)
class Definition:
    """A pipeline definition that was found sound."""

    parameters: Mapping[str, Parameter]
    steps: Mapping[str, Step]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The steps as a graph."""
        return tuple(Node(step.name, step.after) for step in self.steps.values())

    def values(self, given: Mapping[str, str]) -> dict[str, Value]:
        """Join the values that a run gives with the defaults. Raises DefinitionError for unknown or missing ones."""
        for name in given:
            if name not in self.parameters:
                raise DefinitionError(f"PipelineParameters.{name}", "the pipeline has no such parameter")
        read = {name: self.parameters[name].read(text) for name, text in given.items()}
        for name, parameter in self.parameters.items():
            value = read.get(name, parameter.default)
            if value is None:
                raise DefinitionError(f"PipelineParameters.{name}", "a value is needed, as it has no default")
            read[name] = value
        return read


def parse(text: str, properties: Mapping[str, Collection[str]]) -> Definition:
    """Read a definition.

    `properties` says, per type of step, what later steps may read of it: the members of its job's description.
    Raises DefinitionError for a definition that is wrong, UnsupportedError for one that cannot run here.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise DefinitionError("", f"the definition is no JSON: {error}") from error
    require(document, dict, "")
    if document.get("Version") != VERSION:
        raise DefinitionError("Version", f"must be {VERSION}, not {document.get('Version')!r}")
    parameters = _parameters(document.get("Parameters", []))
    entries = require(document.get("Steps"), list, "Steps")
    if not entries:
        raise DefinitionError("Steps", "there must be at least one step")
    steps = [_step(entry, f"Steps[{position}]", parameters) for position, entry in enumerate(entries)]
    try:
        check([Node(step.name, step.after) for step in steps])
    except GraphError as error:
        position = max(index for index, step in enumerate(steps) if step.name == error.step)
        raise DefinitionError(f"Steps[{position}]", str(error)) from error
    found = {step.name: step for step in steps}
    _check_properties(found, properties)
    return Definition(parameters, found)


def _parameters(entries: Any) -> dict[str, Parameter]:
    found: dict[str, Parameter] = {}
    for position, entry in enumerate(require(entries, list, "Parameters")):
        path = f"Parameters[{position}]"
        parameter = _parameter(require(entry, dict, path), path)
        if parameter.name in found:
            raise DefinitionError(f"{path}.Name", f"the parameter {parameter.name!r} is given twice")
        found[parameter.name] = parameter
    return found


def _parameter(entry: Mapping[str, Any], path: str) -> Parameter:
    name = require(entry.get("Name"), str, f"{path}.Name")
    kind = require(entry.get("Type"), str, f"{path}.Type")
    if kind not in PARAMETER_TYPES:
        raise DefinitionError(f"{path}.Type", f"must be one of {', '.join(PARAMETER_TYPES)}, not {kind!r}")
    default = entry.get("DefaultValue")
    if default is not None:
        default = _typed(default, kind, f"{path}.DefaultValue")
    choices = require(entry.get("EnumValues", []), list, f"{path}.EnumValues")
    allowed = tuple(_typed(value, kind, f"{path}.EnumValues[{index}]") for index, value in enumerate(choices))
    if default is not None and allowed and default not in allowed:
        raise DefinitionError(f"{path}.DefaultValue", f"{default!r} is none of the EnumValues")
    return Parameter(name, kind, default, allowed)


def _typed(value: Value | None, kind: str, path: str) -> Value:
    wanted = PARAMETER_TYPES[kind]
    if wanted is float and type(value) is int:
        return float(value)
    if value is None or type(value) is not wanted:
        raise DefinitionError(path, f"must be of type {kind}, not {value!r}")
    return value


_READERS: Mapping[str, Callable[[str], Value]] = {
    "String": str,
    "Integer": int,
    "Float": float,
    "Boolean": lambda text: {"true": True, "false": False}[text.lower()],
}


def _read(text: str, kind: str, path: str) -> Value:
    try:
        return _READERS[kind](text)
    except (ValueError, KeyError) as error:
        raise DefinitionError(path, f"{text!r} is no value of type {kind}") from error


def _step(entry: Any, path: str, parameters: Mapping[str, Parameter]) -> Step:
    require(entry, dict, path)
    for member in entry:
        if member not in STEP_MEMBERS:
            raise DefinitionError(f"{path}.{member}", "is not a member of a step")
    name, kind = require(entry.get("Name"), str, f"{path}.Name"), require(entry.get("Type"), str, f"{path}.Type")
    if not NAME.fullmatch(name) or len(name) > NAME_CHARACTERS:
        raise DefinitionError(f"{path}.Name", f"{name!r} must be up to {NAME_CHARACTERS} letters, digits, - and _")
    if kind in OTHER_TYPES:
        raise UnsupportedError(f"{path}.Type: steps of type {kind} are not implemented in the local cloud.")
    if kind not in RUNNABLE:
        raise DefinitionError(f"{path}.Type", f"{kind!r} is no type of step")
    arguments = require(entry.get("Arguments"), dict, f"{path}.Arguments")
    after = _depends_on(entry.get("DependsOn", []), f"{path}.DependsOn")
    for where, expression in _expressions(arguments, f"{path}.Arguments"):
        check_expression(expression, where, set(parameters))
        after |= {reference.step for reference in references(expression, where) if reference.step != ""}
    return Step(name, kind, arguments, frozenset(after), entry.get("DisplayName"), entry.get("Description"))


def _depends_on(entries: Any, path: str) -> set[str]:
    require(entries, list, path)
    return {require(entry, str, f"{path}[{index}]") for index, entry in enumerate(entries)}


def _expressions(value: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if is_expression(value):
        yield path, value
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield from _expressions(member, f"{path}.{name}")
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, member in enumerate(value):
            yield from _expressions(member, f"{path}[{index}]")


def _check_properties(steps: Mapping[str, Step], properties: Mapping[str, Collection[str]]) -> None:
    for position, step in enumerate(steps.values()):
        for path, expression in _expressions(step.arguments, f"Steps[{position}].Arguments"):
            for reference in references(expression, path):
                kind = steps[reference.step].type if reference.step else ""
                if kind and reference.root not in properties[kind]:
                    raise DefinitionError(path, f"a step of type {kind} has no property {reference.name!r}")
