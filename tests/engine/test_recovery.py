"""What recovery decides without the engine: whose lock may be released, and where the cloud has what a create made."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, cast

import pytest

from infra.engine import Session, recovery
from infra.engine.lookups import UnknowableError
from infra.engine.lookups_aws import AwsLookups
from infra.environments import Environment
from infra.toolchain import Toolchain
from tests.localcloud.cloud import LocalAws
from tests.localcloud.job_images import ALLOW, TRUST

MLFLOW_APP = "aws:sagemaker/mlflowApp:MlflowApp"
KEY = "aws:kms/key:Key"


@pytest.mark.parametrize("pid", [os.getpid(), 2**22 + 1], ids=["another program", "nobody"])
def test_a_process_that_is_no_pulumi_holds_no_lock(pid: int) -> None:
    """Numbers of processes come again: another program with the number is not the holder."""
    assert not recovery.is_pulumi(pid)


def test_the_holder_is_read_from_the_cli() -> None:
    said = "error: the stack is currently locked by 1 lock(s). ... created by root@host-1 (pid 4321) at 2026-01-01"
    holder = recovery.HOLDER.search(said)
    assert holder is not None
    assert holder.groupdict() == {"user": "root", "host": "host-1", "pid": "4321"}


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment("local-aws", "aws", tmp_path, tmp_path / ".stile")


def test_plugins_of_a_killed_cli_are_ended_and_no_others(environment: Environment, tmp_path: Path) -> None:
    """On a real account one would go on creating behind our back; another environment's is not ours to end."""
    program = tmp_path / "pulumi-resource-vendor"
    program.write_text("#!/bin/sh\nread end\n")
    program.chmod(0o755)
    theirs = {"STILE_ENVIRONMENT": "production", "STILE_STATE_DIR": str(environment.state_dir)}
    started = [
        subprocess.Popen([program], stdin=subprocess.PIPE, env={**theirs, "STILE_ENVIRONMENT": name})
        for name in (environment.name, "production")
    ]
    recovery.end_orphans(Session(environment, cast("Any", None), None, cast("Any", None)))
    assert [process.poll() is None for process in started] == [False, True]
    for process in started:
        process.communicate()


@pytest.fixture
def lookups(local_aws: LocalAws, environment: Environment, tmp_path: Path) -> AwsLookups:
    """Lookups in the local cloud; of the session only the way there is used."""
    tools = Toolchain(tmp_path / "pulumi", tmp_path / "crane", tmp_path, "3.259.0", "0.20.2")
    return AwsLookups(Session(environment, tools, local_aws.cloud, cast("Any", None)))


@pytest.mark.slow
def test_what_a_name_gives_an_id_is_found_once_it_is_there(lookups: AwsLookups, local_aws: LocalAws) -> None:
    """An id of the name itself, of the account and the name, and of two names: only if the cloud has it."""
    name = local_aws.name("found")
    trust, document = json.dumps(TRUST), json.dumps(ALLOW)
    wanted: list[tuple[str, dict[str, str], str]] = [
        ("aws:s3/bucket:Bucket", {"bucket": name}, name),
        ("aws:sns/topic:Topic", {"name": name}, f"arn:aws:sns:us-east-1:000000000000:{name}"),
        ("aws:iam/policy:Policy", {"name": name, "path": "/x/"}, f"arn:aws:iam::000000000000:policy/x/{name}"),
        ("aws:iam/rolePolicy:RolePolicy", {"role": name, "name": "n"}, f"{name}:n"),
    ]
    assert [lookups.find(token, inputs) for token, inputs, _ in wanted] == [None] * len(wanted)
    local_aws.client("s3").create_bucket(Bucket=name)
    local_aws.client("sns").create_topic(Name=name)
    iam = local_aws.client("iam")
    iam.create_policy(PolicyName=name, Path="/x/", PolicyDocument=document)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    iam.put_role_policy(RoleName=name, PolicyName="n", PolicyDocument=document)
    assert [lookups.find(token, inputs) for token, inputs, _ in wanted] == [identity for _, _, identity in wanted]


@pytest.mark.slow
def test_a_key_is_found_by_its_tags_unless_it_is_somebodys(lookups: AwsLookups, local_aws: LocalAws) -> None:
    """A key has no name: without tags of its own nothing can tell whose it is."""
    kms, tags = local_aws.client("kms"), {"stile-stack": local_aws.name("keys"), "stile-stage": "storage"}
    inputs = {"description": "data", "tags": tags}
    assert lookups.find(KEY, inputs) is None
    listed = [{"TagKey": key, "TagValue": value} for key, value in tags.items()]
    made = kms.create_key(Description="data", Tags=listed)["KeyMetadata"]["KeyId"]
    kms.create_key(Description="data", Tags=[*listed, {"TagKey": "more", "TagValue": "1"}])
    assert lookups.find(KEY, inputs) == made
    assert lookups.find(KEY, inputs, taken={made}) is None
    with pytest.raises(UnknowableError):
        lookups.find(KEY, {"description": "data"})


@pytest.mark.slow
def test_an_mlflow_app_is_found_by_its_name_and_known_to_be_passing(lookups: AwsLookups, local_aws: LocalAws) -> None:
    """It takes minutes to create, its id is a number of the cloud's, and its name cannot be had twice."""
    bucket, name = local_aws.name("bucket"), local_aws.name("app")
    local_aws.client("s3").create_bucket(Bucket=bucket)
    arn = local_aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    made = local_aws.client("sagemaker").create_mlflow_app(Name=name, ArtifactStoreUri=f"s3://{bucket}", RoleArn=arn)
    assert lookups.find(MLFLOW_APP, {"name": name}) == made["Arn"]
    assert lookups.passing(MLFLOW_APP, made["Arn"]) == "Creating"
    assert lookups.find(MLFLOW_APP, {"name": "nowhere"}) is None
