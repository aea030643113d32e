"""The placeholders of KFP pipeline specs, such as `{{$.inputs.parameters['x']}}`: found, checked and replaced.

Sources: the placeholders of kfp.dsl 2.16; those of google_cloud_pipeline_components 2.22 (_placeholders.py).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.localcloud.jobs.definition import DefinitionError, UnsupportedError

Value = str | int | float | bool | list[Any] | dict[str, Any] | None

# What a task can ask of the run that it is part of.
FACTS = (
    "pipeline_encryption_key_name",
    "pipeline_google_cloud_location",
    "pipeline_google_cloud_project_id",
    "pipeline_job_create_time_utc",
    "pipeline_job_name",
    "pipeline_job_resource_name",
    "pipeline_job_schedule_time_utc",
    "pipeline_job_uuid",
    "pipeline_network",
    "pipeline_persistent_resource_id",
    "pipeline_root",
    "pipeline_service_account",
    "pipeline_task_name",
    "pipeline_task_uuid",
)
# A parameter whose value holds a placeholder of its own is replaced again; beyond this it goes in a circle.
DEEPEST = 4
_ANY = re.compile(r"\{\{\$(?P<inner>.*?)\}\}")
_INPUT = re.compile(r"""\.inputs\.parameters\[(?P<quote>['"])(?P<name>[^'"]+)(?P=quote)\]""")
_OUTPUT = re.compile(r"""\.outputs\.parameters\[(?P<quote>['"])(?P<name>[^'"]+)(?P=quote)\]\.output_file""")


@dataclass(frozen=True)
class Placeholder:
    """What a placeholder names: an input or output parameter of the task, or a fact of the run."""

    kind: str
    name: str


def placeholders(value: Any, path: str) -> Iterator[Placeholder]:
    """Yield all placeholders in a JSON value.

    Raises DefinitionError for one that names nothing, UnsupportedError for one that the vendor alone replaces.
    """
    if isinstance(value, str):
        for found in _ANY.finditer(value):
            yield _read(found["inner"], path)
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield from placeholders(member, f"{path}.{name}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from placeholders(member, f"{path}[{index}]")


def replaced(value: Any, path: str, inputs: Mapping[str, Value], facts: Mapping[str, str], depth: int = 0) -> Any:
    """Return a JSON value with all placeholders in its texts replaced by text.

    A text stays as it is, a number or truth is written as in JSON, a list or object as JSON text. An output
    parameter's file becomes its name: nothing reads it here. Raises DefinitionError where one has no value.
    """
    if isinstance(value, str):
        return _ANY.sub(lambda found: _text(_read(found["inner"], path), path, inputs, facts, depth), value)
    if isinstance(value, Mapping):
        return {name: replaced(member, f"{path}.{name}", inputs, facts, depth) for name, member in value.items()}
    if isinstance(value, list):
        return [replaced(member, f"{path}[{index}]", inputs, facts, depth) for index, member in enumerate(value)]
    return value


def _text(
    placeholder: Placeholder, path: str, inputs: Mapping[str, Value], facts: Mapping[str, str], depth: int
) -> str:
    if placeholder.kind == "output":
        return placeholder.name
    if placeholder.kind == "fact":
        return facts.get(placeholder.name, "")
    value = inputs.get(placeholder.name)
    if value is None:
        raise DefinitionError(path, f"the parameter {placeholder.name!r} has no value")
    if depth >= DEEPEST:
        raise DefinitionError(path, f"the parameter {placeholder.name!r} refers to itself")
    whole = replaced(value, f"{path}<{placeholder.name}>", inputs, facts, depth + 1)
    return whole if isinstance(whole, str) else json.dumps(_plain(whole))


def _plain(value: Any) -> Any:
    """Write whole numbers without a fraction: a spec's numbers all come as floats."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: _plain(member) for name, member in value.items()}
    return [_plain(member) for member in value] if isinstance(value, list) else value


def _read(inner: str, path: str) -> Placeholder:
    if found := _INPUT.fullmatch(inner):
        return Placeholder("input", found["name"])
    if found := _OUTPUT.fullmatch(inner):
        return Placeholder("output", found["name"])
    name = inner.removeprefix(".")
    if name in FACTS:
        return Placeholder("fact", name)
    whole = f"{{{{${inner}}}}}"
    if inner == "" or name.startswith(("inputs.artifacts", "outputs.", "json_escape", "workspace_path")):
        raise UnsupportedError(f"{path}: {whole} is not implemented in the local cloud.")
    raise DefinitionError(path, f"{whole} names nothing")
