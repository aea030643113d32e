"""Every table against the installed SDK, the vendor's service models, and the facts about replacement.

A name that the SDK does not have, an input that no operation takes, or a property that replaces where the real plugin
would not, would make a definition mean one thing here and another on AWS.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from infra.providers.aws import tables
from infra.providers.aws.plugin import _hook
from infra.providers.aws.tables import Type
from infra.providers.kit.tables import Call, Field
from tests.providers import sdk
from tests.providers.table_walks import names, paths, placed

TYPES = {token: made for module in tables.modules() for token, made in tables.types_of(module).items()}
FACTS = tomllib.loads(Path(__file__).with_name("replacements.toml").read_text())
each_type = pytest.mark.parametrize("token", sorted(TYPES))
# what a hook sends or reads in its own way
BY_HOOK = {
    "aws:iam/role:Role": {"managedPolicyArns"},
    "aws:s3/bucketObjectv2:BucketObjectv2": {"etag"},  # only compared
    "aws:budgets/budget:Budget": {
        "costFilters.name",
        "costFilters.values",
        "notifications.subscriberEmailAddresses",
        "notifications.subscriberSnsTopicArns",
    },
}


@each_type
def test_the_sdk_has_the_type_and_its_inputs(token: str) -> None:
    def compare(fields: dict[str, Field], known: sdk.Arguments, path: str) -> None:
        unknown = fields.keys() - known.nested.keys()
        assert not unknown, f"{path}: the SDK has no {unknown}"
        for name, field in fields.items():
            inner = known.nested[name]
            assert bool(field.children) == bool(inner and "PolicyDocument" not in inner), f"{path}{name}"
            if inner and field.children:
                compare(dict(field.children), sdk.nested_arguments(token, inner), f"{path}{name}.")

    compare(dict(TYPES[token].fields), sdk.arguments(token), "")


@each_type
def test_what_the_sdk_requires_is_mapped_and_required(token: str) -> None:
    required = sdk.arguments(token).required
    assert {name for name, field in TYPES[token].fields.items() if field.required} >= required


@each_type
def test_the_outputs_are_the_sdks(token: str) -> None:
    table = TYPES[token]
    made = {*table.outputs, *table.texts, *table.fields} | ({"tagsAll"} if table.tags else set())
    assert made <= sdk.outputs(token)


@each_type
def test_what_replaces_is_what_the_facts_say(token: str) -> None:
    table = TYPES[token]
    assert {path for path, field in paths(dict(table.fields)) if field.replace} == set(FACTS[table.token])


@each_type
def test_every_row_names_its_source(token: str) -> None:
    assert TYPES[token].source.startswith("hashicorp/terraform-provider-aws internal/service/")


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    session = botocore.session.Session()
    return {service: session.get_service_model(service) for service in {made.service for made in TYPES.values()}}


def calls(table: Type) -> Iterator[Call]:
    yield table.create
    yield from table.reads
    yield from table.updates
    if table.delete:
        yield table.delete
    if table.tags:
        yield from (call for call in (table.tags.read, table.tags.add, table.tags.remove) if call)


@each_type
def test_its_calls_are_the_vendors(token: str, models: dict[str, Any]) -> None:
    """Operations exist, take the arguments named, and each template speaks of what is known."""
    table = TYPES[token]
    known = {"id", "account", "api", "value", *table.fields, *table.outputs, *table.texts}
    for call in calls(table):
        shape = models[table.service].operation_model(call.operation).input_shape
        assert set(call.args) <= set(shape.members), call.operation
        assert set(names(dict(call.args))) <= known, call.operation
        assert set(call.when) <= set(table.fields), call.operation
    assert set(names(table.id)) <= known


@each_type
def test_every_input_is_sent_by_some_call(token: str, models: dict[str, Any]) -> None:
    """An input without a place in any call would be accepted and then dropped."""
    table = TYPES[token]
    operations = {call.operation for call in calls(table)}
    shapes = [models[table.service].operation_model(operation).input_shape for operation in sorted(operations)]
    templated = {name for call in calls(table) for name in names(dict(call.args))}
    each = {name for call in table.updates if call.send in ("each", "none") for name in call.when}
    lost = set()
    for name, field in table.fields.items():
        if field.local or name in templated | each or name == "tags":
            continue
        for path, inner in paths({name: field}):
            if not any(placed(path, table, shape) for shape in shapes) and not inner.local:
                lost.add(path)
    assert lost <= BY_HOOK.get(table.token, set())


@each_type
def test_its_choices_are_among_its_inputs(token: str) -> None:
    known = {path for path, _ in paths(dict(TYPES[token].fields))}
    for choice in TYPES[token].choices:
        assert {f"{choice.inside}.{name}" if choice.inside else name for name in choice.of} <= known


@each_type
def test_every_hook_is_there(token: str) -> None:
    assert _hook(TYPES[token]) is not None
