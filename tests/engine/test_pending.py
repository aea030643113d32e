"""What a cut-off operation becomes in the state: adopted in its place and order, dropped, or told."""

from collections.abc import Mapping
from string import Formatter
from typing import Any

import pytest

from infra.engine import pending
from infra.engine.lookups import UnknowableError
from infra.engine.lookups_aws import ARNS, LOOKUPS
from infra.providers.aws import tables

STACK = "urn:pulumi:local-aws::stile::pulumi:pulumi:Stack::stile-local-aws"
BUCKET = "urn:pulumi:local-aws::stile::aws:s3/bucket:Bucket::data"
KEY = "urn:pulumi:local-aws::stile::aws:kms/key:Key::data"
LIVE = "urn:pulumi:local-aws::stile::stile:endpoint:Live::live"


def operation(urn: str, kind: str = "creating", dependencies: tuple[str, ...] = (), **inputs: str) -> dict[str, Any]:
    resource = {"urn": urn, "type": urn.split("::")[2], "custom": True, "inputs": inputs}
    return {"type": kind, "resource": {**resource, "dependencies": list(dependencies)}}


def find(token: str, inputs: Mapping[str, Any], taken: set[str]) -> str | None:
    """A cloud that has every bucket whose name does not end in `gone`, and knows nothing of keys."""
    if token != "aws:s3/bucket:Bucket":
        raise UnknowableError(token)
    name: str = inputs["bucket"]
    return None if name.endswith("gone") else name


def adopted(*resources: dict[str, Any], operations: list[dict[str, Any]]) -> tuple[list[tuple[str, Any]], list[str]]:
    """The URNs and ids that a state then has, and what was told."""
    found, unknown = pending.adopt({"resources": list(resources), "pending_operations": operations}, find)
    assert "pending_operations" not in found
    return [(each["urn"], each.get("id")) for each in found["resources"]], unknown


def test_a_cut_off_create_is_put_under_the_id_that_the_cloud_has_it_by() -> None:
    made, unknown = adopted({"urn": STACK}, operations=[operation(BUCKET, bucket="data-1")])
    assert made == [(STACK, None), (BUCKET, "data-1")]
    assert unknown == []


def test_what_the_cloud_never_made_is_dropped_and_what_has_no_id_is_told() -> None:
    cut = [operation(BUCKET, bucket="data-gone"), operation(KEY), operation(LIVE)]
    assert adopted(operations=cut) == ([], [KEY])


def test_an_update_that_was_cut_off_has_its_resource_in_the_state_already() -> None:
    cut = [operation(BUCKET, "updating", bucket="data-1"), operation(BUCKET, bucket="data-0")]
    assert adopted({"urn": BUCKET, "id": "data-0"}, operations=cut) == ([(BUCKET, "data-0")], [])


def test_a_replacement_stands_in_its_place_and_the_replaced_one_is_to_be_deleted() -> None:
    """As the engine has it once a replacement was created: else the new one would be nobody's."""
    state = {"resources": [{"urn": BUCKET, "id": "data-0"}], "pending_operations": [operation(BUCKET, bucket="data-1")]}
    found, _ = pending.adopt(state, find)
    assert [(each["id"], each.get("delete", False)) for each in found["resources"]] == [
        ("data-0", True),
        ("data-1", False),
    ]


def test_one_deleted_to_be_replaced_gives_way_even_under_the_same_id() -> None:
    gone = {"urn": BUCKET, "id": "data", "pendingReplacement": True}
    assert adopted(gone, operations=[operation(BUCKET, bucket="data")]) == ([(BUCKET, "data")], [])


def test_each_stands_after_what_it_depends_on() -> None:
    """The engine refuses a state in another order."""
    stays = {"urn": LIVE, "id": "live", "dependencies": [BUCKET], "parent": STACK}
    made, _ = adopted(stays, {"urn": STACK}, operations=[operation(BUCKET, bucket="data-1")])
    assert [urn for urn, _ in made] == [STACK, BUCKET, LIVE]


def test_what_was_adopted_and_not_read_is_recognised() -> None:
    """A recovery can be cut off too."""
    found, _ = pending.adopt({"pending_operations": [operation(BUCKET, bucket="data-1")]}, find)
    (bucket,) = found["resources"]
    assert pending.is_unread(bucket)
    assert not pending.is_unread({**bucket, "outputs": {"bucket": "data-1"}})


@pytest.mark.parametrize("token", sorted(token for module in tables.modules() for token in tables.types_of(module)))
def test_every_type_has_an_id_that_can_be_known(token: str) -> None:
    """From its inputs, or from a look-up of its own: else what was created in a cut-off moment is nobody's."""
    table = tables.find(token)
    parts = {name for _, name, _, _ in Formatter().parse(ARNS.get(token, table.id)) if name}
    assert token in LOOKUPS or parts <= {*table.fields, "accountId", "partition", "region"}
