"""Protects what a comparison tells: the property as far in as it differs, both values, and no secret."""

from typing import Any

import pytest
from pulumi.automation import EngineEvent

from infra.engine.comparison import Property, difference, leaves, parsed

URN = "urn:pulumi:local-aws::stile::stile:index:Platform$aws:s3/bucket:Bucket::data"


def step(op: str, old: dict[str, Any], new: dict[str, Any] | None, paths: list[str]) -> Any:
    """The engine's event of a resource with these outputs before and after."""
    states = {
        side: {"urn": URN, "type": "aws:s3/bucket:Bucket", "id": "b", "custom": True, "outputs": outputs, "inputs": {}}
        for side, outputs in (("old", old), ("new", new))
        if outputs is not None
    }
    detailed = {path: {"diffKind": "update", "inputDiff": False} for path in paths}
    metadata = {
        "op": op,
        "urn": URN,
        "type": "aws:s3/bucket:Bucket",
        "provider": "",
        **states,
        "detailedDiff": detailed,
    }
    event = EngineEvent.from_json({"sequence": 1, "timestamp": 1, "resOutputsEvent": {"metadata": metadata}})
    assert event.res_outputs_event is not None
    return event.res_outputs_event.metadata


def told(expected: Any, actual: Any) -> list[tuple[str, Any, Any]]:
    return [(one.path, one.expected, one.actual) for one in leaves("p", expected, actual)]


@pytest.mark.parametrize(
    ("expected", "actual", "found"),
    [
        (1, 2, [("p", 1, 2)]),
        ({"a": {"b": 1}, "c": 3}, {"a": {"b": 2}, "c": 3}, [("p.a.b", 1, 2)]),
        ({"a.b": 1}, {"a.b": 2}, [('p["a.b"]', 1, 2)]),
        ([1, 2], [1, 3], [("p[1]", 2, 3)]),
        ({"a": 1}, None, [("p", {"a": 1}, None)]),
        ('{"Sid": 1}', '{"Sid": 2}', [("p.Sid", 1, 2)]),
        ("{broken", "{other", [("p", "{broken", "{other")]),
    ],
)
def test_it_is_told_as_far_in_as_it_differs(expected: Any, actual: Any, found: list[Any]) -> None:
    """Text that is JSON too: a policy of forty lines differs in one."""
    assert told(expected, actual) == found


def test_a_list_that_comes_in_another_order_differs_only_where_it_does() -> None:
    """Services give rules back as they like."""
    one, two = {"id": "one", "days": 1}, {"id": "two", "days": 2}
    assert told([one, two], [{**two, "days": 3}, one]) == [("p.two.days", 2, 3)]


def test_elements_that_lost_what_tells_them_apart_are_compared_by_place() -> None:
    assert told([{"Sid": "a", "n": 1}], [{"Sid": "b", "n": 1}]) == [("p[0].Sid", "a", "b")]


def test_a_secret_is_not_told_by_its_other_side() -> None:
    """A cloud that gives a secret back in the clear must not put it on a page."""
    assert told({"a": "[secret]"}, {"a": "hunter2"}) == [("p.a", "[secret]", "[secret]")]


def test_a_path_is_read_as_the_engine_writes_it() -> None:
    assert list(parsed('a.b[0]["c.d"].e')) == ["a", "b", 0, "c.d", "e"]


def test_a_changed_resource_is_told_with_both_values_and_a_missing_one_as_gone() -> None:
    (changed,) = difference(step("update", {"tags": {"x-y": "1"}}, {"tags": {"x-y": "2"}}, ['tags["x-y"]']))
    assert (changed.kind, changed.id, changed.properties) == ("changed", "b", (Property('tags["x-y"]', "1", "2"),))
    (gone,) = difference(step("delete", {}, None, []))
    assert (gone.kind, gone.urn) == ("gone", URN)
    assert list(difference(step("same", {}, {}, []))) == []


def test_where_a_provider_names_what_stands_for_others_those_are_told() -> None:
    """Google's objects: `detectMd5hash` differs, and reads the same on both sides."""
    old, new = {"detectMd5hash": "x", "crc32c": "1"}, {"detectMd5hash": "x", "crc32c": "2"}
    (changed,) = difference(step("update", old, new, ["detectMd5hash"]))
    assert changed.properties == (Property("crc32c", "1", "2"),)
