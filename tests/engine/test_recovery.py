"""What recovery decides without the engine: whose lock may be released, and what a cut-off create becomes."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from infra.engine import Session, recovery
from infra.environments import Environment
from infra.toolchain import Toolchain
from tests.localcloud.cloud import LocalAws

MLFLOW_APP = "aws:sagemaker/mlflowApp:MlflowApp"

STACK = "urn:pulumi:local-aws::stile::pulumi:pulumi:Stack::stile-local-aws"
BUCKET = "urn:pulumi:local-aws::stile::aws:s3/bucket:Bucket::data"
KEY = "urn:pulumi:local-aws::stile::aws:kms/key:Key::data"


def pending(urn: str, kind: str = "creating", **inputs: str) -> dict[str, object]:
    return {"type": kind, "resource": {"urn": urn, "type": urn.split("::")[2], "custom": True, "inputs": inputs}}


def identify(token: str, inputs: Mapping[str, Any]) -> str | None:
    return recovery.identify(cast("Any", None), token, inputs)


def test_a_cut_off_create_is_put_under_the_id_that_its_name_gives_it() -> None:
    """The refresh that follows asks the cloud for exactly this one."""
    found, unknown = recovery.adopt(
        {"resources": [{"urn": STACK}], "pending_operations": [pending(BUCKET, bucket="data-1")]}, identify
    )
    assert [resource.get("id") for resource in found["resources"]] == [None, "data-1"]
    assert "pending_operations" not in found
    assert unknown == []


def test_what_has_no_id_by_name_is_told() -> None:
    found, unknown = recovery.adopt(
        {"resources": [], "pending_operations": [pending(KEY, description="data")]}, identify
    )
    assert found["resources"] == []
    assert unknown == [KEY]


def test_only_creates_are_adopted_and_only_once() -> None:
    """An update that was cut off has its resource in the state already; so has a replacement."""
    deployment = {
        "resources": [{"urn": BUCKET, "id": "data-0"}],
        "pending_operations": [pending(BUCKET, "updating", bucket="data-1"), pending(BUCKET, bucket="data-1")],
    }
    found, unknown = recovery.adopt(deployment, identify)
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


@pytest.fixture
def session(local_aws: LocalAws, tmp_path: Path) -> Session:
    """A session of which only the way to the cloud is used."""
    tools = Toolchain(tmp_path / "pulumi", tmp_path / "crane", tmp_path, "3.259.0", "0.20.2")
    environment = Environment("local-aws", "aws", tmp_path, tmp_path)
    return Session(environment, tools, local_aws.cloud, cast("Any", None))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("token", "inputs", "identity"),
    [
        ("aws:budgets/budget:Budget", {"name": "b"}, "000000000000:b"),
        ("aws:sns/topic:Topic", {"name": "alarms"}, "arn:aws:sns:us-east-1:000000000000:alarms"),
        ("aws:iam/policy:Policy", {"name": "p", "path": "/x/"}, "arn:aws:iam::000000000000:policy/x/p"),
        ("aws:iam/rolePolicy:RolePolicy", {"role": "r", "name": "n"}, "r:n"),
    ],
)
def test_ids_that_name_the_account_are_known(
    session: Session, token: str, inputs: dict[str, str], identity: str
) -> None:
    assert recovery.identify(session, token, inputs) == identity


@pytest.mark.slow
def test_an_mlflow_app_is_found_by_its_name(session: Session, local_aws: LocalAws) -> None:
    """It takes minutes to create, its id is a number of the cloud's, and its name cannot be had twice."""
    bucket, name = local_aws.name("bucket"), local_aws.name("app")
    local_aws.client("s3").create_bucket(Bucket=bucket)
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = {"Version": "2012-10-17", "Statement": [trust]}
    arn = local_aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(role))["Role"]["Arn"]
    made = local_aws.client("sagemaker").create_mlflow_app(Name=name, ArtifactStoreUri=f"s3://{bucket}", RoleArn=arn)
    assert recovery.identify(session, MLFLOW_APP, {"name": name}) == made["Arn"]
    assert recovery.identify(session, MLFLOW_APP, {"name": "nowhere"}) is None
