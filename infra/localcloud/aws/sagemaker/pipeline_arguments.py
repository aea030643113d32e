"""Checks the arguments of a pipeline's steps against the vendor's own model of the request that each step makes."""

from collections.abc import Collection, Mapping
from typing import Any

from botocore.model import Shape
from localstack.aws.spec import load_service

from infra.localcloud.jobs.definition import DefinitionError
from infra.localcloud.jobs.definition_sagemaker import Definition
from infra.localcloud.jobs.expressions_sagemaker import is_expression, references

OPERATIONS = {"Training": "CreateTrainingJob", "Processing": "CreateProcessingJob"}
DESCRIPTIONS = {"Training": "DescribeTrainingJob", "Processing": "DescribeProcessingJob"}
PLAIN: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (str, int, float),
}
# The type of shape that a parameter may stand for.
PARAMETERS = {
    "String": ("string",),
    "Integer": ("integer", "long", "float", "double"),
    "Float": ("float", "double"),
    "Boolean": ("boolean",),
}


def properties() -> dict[str, Collection[str]]:
    """Return what a step lets later steps read, per type of step: the members of its job's description."""
    service = load_service("sagemaker")
    return {
        kind: tuple(service.operation_model(operation).output_shape.members) for kind, operation in DESCRIPTIONS.items()
    }


def check_arguments(definition: Definition) -> None:
    """Raise DefinitionError for arguments that no value could make right: unknown members and wrong types.

    Lengths, patterns and required members are checked when the step's request is made.
    """
    service = load_service("sagemaker")
    types = {name: parameter.type for name, parameter in definition.parameters.items()}
    for position, step in enumerate(definition.steps.values()):
        shape = service.operation_model(OPERATIONS[step.type]).input_shape
        _check(shape, step.arguments, f"Steps[{position}].Arguments", types)


def _check(shape: Shape, value: Any, path: str, types: Mapping[str, str]) -> None:
    if is_expression(value):
        _check_expression(shape, value, path, types)
    elif shape.type_name == "structure":
        for name, member in _of_type(value, dict, path).items():
            if name not in shape.members:
                raise DefinitionError(f"{path}.{name}", "is not known there")
            _check(shape.members[name], member, f"{path}.{name}", types)
    elif shape.type_name == "map":
        for name, member in _of_type(value, dict, path).items():
            _check(shape.value, member, f"{path}.{name}", types)
    elif shape.type_name == "list":
        for index, member in enumerate(_of_type(value, list, path)):
            _check(shape.member, member, f"{path}[{index}]", types)
    elif not _is_plain(shape, value):
        raise DefinitionError(path, f"must be of type {shape.type_name}, not {value!r}")


def _is_plain(shape: Shape, value: Any) -> bool:
    wanted = PLAIN[shape.type_name]
    return isinstance(value, wanted) and (bool in wanted or not isinstance(value, bool))


def _check_expression(shape: Shape, value: Mapping[str, Any], path: str, types: Mapping[str, str]) -> None:
    """A parameter must be of the type of what it stands for; a join makes text."""
    if "Get" not in value:
        if shape.type_name != "string":
            raise DefinitionError(path, f"Std:Join makes a string, but a {shape.type_name} is needed")
        return
    for reference in references(value, path):
        kind = types.get(reference.name, "") if reference.kind == "Parameters" else ""
        if kind and shape.type_name not in PARAMETERS[kind]:
            raise DefinitionError(
                path, f"Cannot assign property reference [{value['Get']}] of type {kind} to a {shape.type_name}"
            )


def _of_type(value: Any, wanted: type, path: str) -> Any:
    if not isinstance(value, wanted):
        raise DefinitionError(path, f"must be of type {wanted.__name__}, not {type(value).__name__}")
    return value
