"""Every table against the installed SDK, Google's discovery documents, and the facts about replacement.

A name that the SDK does not have, an input that no method takes, or a property that replaces where the real plugin
would not, would make a definition mean one thing here and another on Google Cloud.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.providers.gcp import tables
from infra.providers.gcp.plugin import hook_of
from infra.providers.gcp.schemas import api
from infra.providers.gcp.tables import Type
from infra.providers.kit.tables import Call, Field
from tests.providers import sdk
from tests.providers.table_walks import names, paths, placed

TYPES = {token: made for module in tables.modules() for token, made in tables.types_of(module).items()}
FACTS = tomllib.loads(Path(__file__).with_name("replacements.toml").read_text())
each_type = pytest.mark.parametrize("token", sorted(TYPES))
# what a hook sends in its own way
BY_HOOK = {
    "gcp:monitoring/dashboard:Dashboard": {"dashboardJson"},
    "gcp:secretmanager/secretVersion:SecretVersion": {"enabled"},
    "gcp:cloudscheduler/job:Job": {"paused"},
}
# what only a member's own code knows
OF_MEMBERS = {"resource", "short", "suffix"}


@each_type
def test_the_sdk_has_the_type_and_its_inputs(token: str) -> None:
    def compare(fields: dict[str, Field], known: sdk.Arguments, path: str) -> None:
        unknown = fields.keys() - known.nested.keys()
        assert not unknown, f"{path}: the SDK has no {unknown}"
        for name, field in fields.items():
            inner = known.nested[name]
            assert bool(field.children) == bool(inner), f"{path}{name}"
            if inner and field.children:
                compare(dict(field.children), sdk.nested_arguments(token, inner), f"{path}{name}.")

    compare(dict(TYPES[token].fields), sdk.arguments(token), "")


@each_type
def test_what_the_sdk_requires_is_mapped_and_required(token: str) -> None:
    def compare(fields: dict[str, Field], known: sdk.Arguments, path: str) -> None:
        assert {name for name, field in fields.items() if field.required} >= known.required, path
        for name, field in fields.items():
            if field.children and (inner := known.nested[name]):
                compare(dict(field.children), sdk.nested_arguments(token, inner), f"{path}{name}.")

    compare(dict(TYPES[token].fields), sdk.arguments(token), "")


@each_type
def test_the_outputs_are_the_sdks(token: str) -> None:
    table = TYPES[token]
    made = {*table.outputs, *table.texts, *table.fields}
    labels = {"effectiveLabels", "pulumiLabels"}
    known = sdk.outputs(token)
    assert made <= known
    assert table.labelled == (labels <= known)


@each_type
def test_what_replaces_is_what_the_facts_say(token: str) -> None:
    table = TYPES[token]
    assert {path for path, field in paths(dict(table.fields)) if field.replace} == set(FACTS[table.token])


@each_type
def test_every_row_names_its_source(token: str) -> None:
    assert TYPES[token].source.startswith("hashicorp/terraform-provider-google google-beta/services/")


def calls(table: Type) -> Iterator[Call]:
    yield table.create
    yield from table.reads
    yield from table.updates
    if table.delete:
        yield table.delete


def taken(table: Type, operation: str) -> set[str]:
    known = api(table.service)
    return {*known.parameters(operation), *known.body(operation).members}


@each_type
def test_its_calls_are_the_vendors(token: str) -> None:
    """Methods exist, take the arguments named, and each template speaks of what is known."""
    table = TYPES[token]
    known = {"id", *OF_MEMBERS, "email", *table.fields, *table.outputs, *table.texts}
    # Without an output of the name, an id is made of the vendor's own `name`, which all answers hold.
    known.add("name")
    for call in calls(table):
        takes = taken(table, call.operation)
        assert {key if key in takes else key.split(".")[0] for key in call.args} <= takes, call.operation
        assert {call.body.split(".")[0], call.mask} - {""} <= takes, call.operation
        assert set(names(dict(call.args))) <= known, call.operation
        assert set(call.when) - {"*"} <= set(table.fields), call.operation
    assert set(names(table.id)) <= known


@each_type
def test_every_operation_that_runs_long_can_be_followed(token: str) -> None:
    table = TYPES[token]
    long = [call for call in calls(table) if api(table.service).answers_operation(call.operation)]
    assert not long or api(table.service).parameters(table.operations) & {"name", "operation"}


@each_type
def test_every_input_is_sent_by_some_call(token: str) -> None:
    """An input without a place in any call would be accepted and then dropped."""
    table = TYPES[token]
    shapes: list[Any] = [api(table.service).body(call.operation, call.body) for call in calls(table)]
    templated = {name for call in calls(table) for name in names(dict(call.args))}
    lost = set()
    for name, field in table.fields.items():
        if field.local or name in templated:
            continue
        for path, inner in paths({name: field}):
            if not any(placed(path, table, shape) for shape in shapes) and not inner.local:
                lost.add(path)
    assert lost == (lost if table.subject else BY_HOOK.get(table.token, set()))


@each_type
def test_its_choices_are_among_its_inputs(token: str) -> None:
    known = {path for path, _ in paths(dict(TYPES[token].fields))}
    for choice in TYPES[token].choices:
        assert {f"{choice.inside}.{name}" if choice.inside else name for name in choice.of} <= known


@each_type
def test_every_hook_is_there(token: str) -> None:
    assert hook_of(TYPES[token]) is not None
