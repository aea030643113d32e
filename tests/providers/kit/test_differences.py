"""Differences name the right paths and replace where the real bridge replaces, by its rule for nested blocks."""

import pytest

from infra.providers.kit.differences import differences, key_path
from infra.providers.kit.resource import Change
from infra.providers.kit.schema import Property
from infra.providers.kit.values import UNKNOWN, Properties

LEAF = Property("name", replace=True)
PROPERTIES = {
    "size": Property("size", "integer"),
    "zone": Property("zone", replace=True),
    "kept": Property("kept", computed=True),
    "mode": Property("mode", default="plain"),
    "tags": Property("tags", "map"),
    "environment": Property("environment", "map", replace=True),
    "subnets": Property("subnets", "list", replace=True),
    "actions": Property("actions", "list", unordered=True),
    "policy": Property("policy", "policy"),
    "rules": Property("rules", "list", children={"status": Property("status"), "name": LEAF}),
    "block": Property("block", "object", replace=True, children={"alarm": Property("alarm")}),
}
CASES: dict[str, tuple[Properties, Properties, dict[str, str]]] = {
    "nothing": ({"size": 1}, {"size": 1}, {}),
    "a value": ({"size": 1}, {"size": 2}, {"size": "update"}),
    "a new value": ({}, {"size": 2}, {"size": "add"}),
    "a value less": ({"size": 2}, {}, {"size": "delete"}),
    "zero and nothing are one": ({"size": 0}, {}, {}),
    "replacing": ({"zone": "a"}, {"zone": "b"}, {"zone": "update-replace"}),
    "unknown": ({"zone": "a"}, {"zone": UNKNOWN}, {"zone": "update-replace"}),
    "the cloud's own value": ({"kept": "theirs"}, {}, {}),
    "the cloud's own value, now ours": ({"kept": "theirs"}, {"kept": "ours"}, {"kept": "update"}),
    "the default left out": ({"mode": "plain"}, {}, {}),
    "back to the default": ({"mode": "other"}, {}, {"mode": "update"}),
    "a key": ({"tags": {"a": "1", "b": "2"}}, {"tags": {"a": "1", "b": "3"}}, {"tags.b": "update"}),
    "a key that is no word": ({"tags": {"a": "1"}}, {"tags": {"a": "1", "x/y": "2"}}, {'tags["x/y"]': "add"}),
    "a key of a replacing map": (
        {"environment": {"A": "1"}},
        {"environment": {"A": "2"}},
        {"environment.A": "update-replace"},
    ),
    "an item of a replacing list": ({"subnets": ["a", "b"]}, {"subnets": ["a"]}, {"subnets[1]": "delete-replace"}),
    "another order that means nothing": ({"actions": ["a", "b"]}, {"actions": ["b", "a"]}, {}),
    "another item": ({"actions": ["a", "b"]}, {"actions": ["b", "c"]}, {"actions": "update"}),
    "in a block in a list": (
        {"rules": [{"status": "on", "name": "x"}]},
        {"rules": [{"status": "off", "name": "x"}]},
        {"rules[0].status": "update"},
    ),
    "a replacing leaf": (
        {"rules": [{"status": "on", "name": "x"}]},
        {"rules": [{"status": "on", "name": "y"}]},
        {"rules[0].name": "update-replace"},
    ),
    "a new block with a replacing leaf": (
        {"rules": [{"name": "x"}]},
        {"rules": [{"name": "x"}, {"name": "y"}]},
        {"rules[1]": "add-replace"},
    ),
    "a new block without one": (
        {"rules": [{"name": "x"}]},
        {"rules": [{"name": "x"}, {"status": "on"}]},
        {"rules[1]": "add"},
    ),
    "inside a replacing block": (
        {"block": {"alarm": "a"}},
        {"block": {"alarm": "b"}},
        {"block.alarm": "update"},
    ),
    "a replacing block comes": ({}, {"block": {"alarm": "a"}}, {"block": "add-replace"}),
    "a policy in other words": (
        {"policy": '{"Statement":[{"Action":["s3:A"],"Effect":"Allow"}]}'},
        {"policy": '{"Statement": {"Effect": "Allow", "Action": "s3:A"}}'},
        {},
    ),
    "another policy": (
        {"policy": '{"Statement":[{"Action":["s3:A"]}]}'},
        {"policy": '{"Statement":[{"Action":["s3:A","s3:B"]}]}'},
        {"policy": "update"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_paths_and_kinds(case: str) -> None:
    olds, news, expected = CASES[case]
    assert differences(PROPERTIES, olds, news) == {path: Change(kind) for path, kind in expected.items()}


def test_the_newer_framework_replaces_whole_blocks() -> None:
    olds, news = {"block": {"alarm": "a"}}, {"block": {"alarm": "b"}}
    assert differences(PROPERTIES, olds, news, whole_blocks=True) == {"block.alarm": Change.UPDATE_REPLACE}


def test_keys_that_are_no_words_are_quoted() -> None:
    assert key_path("tags", 'a"b') == 'tags["a\\"b"]'
    assert key_path("tags", "ab_1") == "tags.ab_1"
