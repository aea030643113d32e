"""What recovery decides without the engine: whose lock may be released, and what a cut-off create becomes."""

import os

import pytest

from infra.engine import recovery

STACK = "urn:pulumi:local-aws::stile::pulumi:pulumi:Stack::stile-local-aws"
BUCKET = "urn:pulumi:local-aws::stile::aws:s3/bucket:Bucket::data"
TOPIC = "urn:pulumi:local-aws::stile::aws:sns/topic:Topic::alarms"


def pending(urn: str, kind: str = "creating", **inputs: str) -> dict[str, object]:
    return {"type": kind, "resource": {"urn": urn, "type": urn.split("::")[2], "custom": True, "inputs": inputs}}


def test_a_cut_off_create_is_put_under_the_id_that_its_name_gives_it() -> None:
    """The refresh that follows asks the cloud for exactly this one."""
    found, unknown = recovery.adopt(
        {"resources": [{"urn": STACK}], "pending_operations": [pending(BUCKET, bucket="data-1")]}
    )
    assert [resource.get("id") for resource in found["resources"]] == [None, "data-1"]
    assert "pending_operations" not in found
    assert unknown == []


def test_what_has_no_id_by_name_is_told() -> None:
    found, unknown = recovery.adopt({"resources": [], "pending_operations": [pending(TOPIC, name="alarms")]})
    assert found["resources"] == []
    assert unknown == [TOPIC]


def test_only_creates_are_adopted_and_only_once() -> None:
    """An update that was cut off has its resource in the state already; so has a replacement."""
    deployment = {
        "resources": [{"urn": BUCKET, "id": "data-0"}],
        "pending_operations": [pending(BUCKET, "updating", bucket="data-1"), pending(BUCKET, bucket="data-1")],
    }
    found, unknown = recovery.adopt(deployment)
    assert found["resources"] == [{"urn": BUCKET, "id": "data-0"}]
    assert unknown == [BUCKET]


@pytest.mark.parametrize(("pid", "is_one"), [(os.getpid(), False), (2**22 + 1, False)])
def test_a_process_that_is_no_pulumi_holds_no_lock(pid: int, is_one: bool) -> None:
    """Numbers of processes come again: another program with the number is not the holder."""
    assert recovery.is_pulumi(pid) is is_one


def test_the_holder_is_read_from_the_cli() -> None:
    said = "error: the stack is currently locked by 1 lock(s). ... created by root@host-1 (pid 4321) at 2026-01-01"
    holder = recovery.HOLDER.search(said)
    assert holder is not None
    assert holder.groupdict() == {"user": "root", "host": "host-1", "pid": "4321"}
