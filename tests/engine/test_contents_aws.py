"""What protected resources hold is counted truly, and emptied so that the cloud lets them be deleted."""

from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from infra.engine import Session, contents
from infra.engine.contents import Holding
from infra.engine.contents_aws import KINDS
from infra.environments import Environment
from infra.toolchain import Toolchain
from tests.localcloud.cloud import LocalAws

pytestmark = pytest.mark.slow

BUCKET = "aws:s3/bucket:Bucket"
GROUP = "aws:sagemaker/modelPackageGroup:ModelPackageGroup"
REPOSITORY = "aws:ecr/repository:Repository"


def session(local_aws: LocalAws, tmp_path: Path) -> Session:
    """A session of which only the way to the cloud is used."""
    tools = Toolchain(tmp_path / "pulumi", tmp_path / "crane", tmp_path, "3.259.0", "0.20.2")
    environment = Environment("local-aws", "aws", tmp_path, tmp_path)
    return Session(environment, tools, local_aws.cloud, cast("Any", None))


def holding(kind: str, identity: str) -> Holding:
    return Holding(f"urn:pulumi:local-aws::stile::{kind}::held", kind, identity, "")


def held(local_aws: LocalAws, kind: str, identity: str) -> int:
    return sum(1 for _ in KINDS[kind].items(local_aws.client(KINDS[kind].service), identity))


def test_a_versioned_bucket_is_emptied_with_every_version_and_delete_marker(
    local_aws: LocalAws, tmp_path: Path
) -> None:
    """Each is an object to the cloud: one that stays, and the bucket cannot be deleted."""
    s3, bucket = local_aws.client("s3"), local_aws.name("bucket")
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"one", b"two"):
        s3.put_object(Bucket=bucket, Key="raw/flights.csv", Body=body)
    s3.delete_object(Bucket=bucket, Key="raw/flights.csv")
    assert held(local_aws, BUCKET, bucket) == 3
    told: list[str] = []
    contents.empty(session(local_aws, tmp_path), [holding(BUCKET, bucket)], told.append)
    assert held(local_aws, BUCKET, bucket) == 0
    assert told == ["emptied aws:s3/bucket:Bucket held"]
    s3.delete_bucket(Bucket=bucket)


def test_a_group_is_emptied_of_its_model_versions(local_aws: LocalAws, tmp_path: Path) -> None:
    sagemaker, group = local_aws.client("sagemaker"), local_aws.name("group")
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    container = {"Image": "000000000000.dkr.ecr.us-east-1.amazonaws.com/jobs@sha256:" + "1" * 64}
    inference = {
        "Containers": [container | {"ModelDataUrl": "s3://bucket/model.tar.gz"}],
        "SupportedContentTypes": ["application/json"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    for _ in range(2):
        sagemaker.create_model_package(ModelPackageGroupName=group, InferenceSpecification=inference)
    assert held(local_aws, GROUP, group) == 2
    contents.empty(session(local_aws, tmp_path), [holding(GROUP, group)], lambda _: None)
    assert held(local_aws, GROUP, group) == 0
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)


@pytest.mark.parametrize("kind", [BUCKET, GROUP, REPOSITORY])
def test_what_is_gone_already_is_empty(local_aws: LocalAws, tmp_path: Path, kind: str) -> None:
    """Somebody deleted it by hand: nothing is left to do, and nothing fails."""
    with pytest.raises(ClientError):
        held(local_aws, kind, "nowhere-1")
    contents.empty(session(local_aws, tmp_path), [holding(kind, "nowhere-1")], lambda _: None)


def test_what_holds_nothing_of_its_own_is_left_alone(local_aws: LocalAws, tmp_path: Path) -> None:
    told: list[str] = []
    contents.empty(session(local_aws, tmp_path), [holding("aws:kms/key:Key", "key-1")], told.append)
    assert told == []
