"""What jobs, and the cloud in their name, do takes the permissions of their role: image, disk, data, logs, MLflow."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from components.stages import Role
from components.tracking.aws import SERVER_ACTIONS
from tests.localcloud.acting import Actor, acting
from tests.localcloud.cloud import LocalAws, refusal
from tests.localcloud.endpoint_ground import eventually
from tests.localcloud.job_images import TRUST, Ground, ground, wait_for
from tests.localcloud.mlflow_address import gate_address

ROOT = Path(__file__).parents[2]
ROLES_THAT_LOG: tuple[Role, ...] = ("train", "evaluate", "govern")


@pytest.fixture
def actor(local_aws: LocalAws) -> Actor:
    return acting(local_aws)


SCRIPT = """
import pathlib
pathlib.Path("/opt/ml/processing/output/out").mkdir(parents=True, exist_ok=True)
pathlib.Path("/opt/ml/processing/output/out/b").write_text("b")
"""


@pytest.fixture(scope="module")
def base(local_aws: LocalAws, crane: str, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    made = ground(local_aws, crane, tmp_path_factory.mktemp("image"), SCRIPT)
    local_aws.client("s3").put_object(Bucket=made.bucket, Key="in/a", Body=b"a")
    return made


NEEDED = (
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
    "kms:CreateGrant",
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "s3:ListBucket",
    "s3:GetObject",
    "s3:PutObject",
)


def process(base: Ground, role: str) -> dict[str, Any]:
    name = base.aws.name("permitted")
    source = {"S3Uri": f"s3://{base.bucket}/in", "S3DataType": "S3Prefix", "S3InputMode": "File"}
    target = {"S3Uri": f"s3://{base.bucket}/{name}", "S3UploadMode": "EndOfJob"}
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1, "VolumeKmsKeyId": "some-key"}
    base.aws.client("sagemaker").create_processing_job(
        ProcessingJobName=name,
        RoleArn=role,
        AppSpecification={"ImageUri": base.image},
        ProcessingInputs=[{"InputName": "in", "S3Input": {**source, "LocalPath": "/opt/ml/processing/input/in"}}],
        ProcessingOutputConfig={
            "Outputs": [{"OutputName": "out", "S3Output": {**target, "LocalPath": "/opt/ml/processing/output/out"}}]
        },
        ProcessingResources={"ClusterConfig": cluster},
        NetworkConfig={"VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}},
    )
    return wait_for(base.aws, "processing", name)


def test_what_the_cloud_does_for_a_job_takes_the_roles_permissions(base: Ground, actor: Actor) -> None:
    """Protects: image, volume, network, inputs and outputs take the role; without one the job fails, naming it."""
    for missing in NEEDED:
        actor.allow({"Action": [one for one in NEEDED if one != missing], "Resource": "*"})
        described = process(base, actor.arn)
        assert described["ProcessingJobStatus"] == "Failed", missing
        reason = described["FailureReason"]
        assert reason.startswith("ClientError: ")
        assert f"{actor.role}/SageMaker-permitted" in reason
        assert f"is not authorized to perform: {missing} on resource: " in reason
    actor.allow({"Action": list(NEEDED), "Resource": "*"})
    assert process(base, actor.arn)["ProcessingJobStatus"] == "Completed"


def test_a_job_without_a_log_still_runs(base: Ground, actor: Actor) -> None:
    """Protects: as at the vendor, a role that may not write logs loses them, not its work; the record says why."""
    actor.allow({"Action": list(NEEDED), "Resource": "*"})
    described = process(base, actor.arn)
    assert described["ProcessingJobStatus"] == "Completed"
    refused = {line["action"] for line in actor.recorded() if not line["allowed"]}
    assert "logs:CreateLogGroup" in refused


def test_a_role_must_trust_sagemaker_itself(base: Ground, actor: Actor) -> None:
    """Protects: a trust policy that merely mentions SageMaker, say to deny it, is none."""
    denied = {"Version": "2012-10-17", "Statement": [{**TRUST["Statement"][0], "Effect": "Deny"}]}  # type: ignore[dict-item]
    client = actor.aws.client("iam")
    client.update_assume_role_policy(RoleName=actor.role, PolicyDocument=json.dumps(denied))
    with refusal("ValidationException", "Could not assume role"):
        process(base, actor.arn)


# What jobs call of MLflow, by the stack's own code: training makes a run, evaluate and govern add to it.
LOGGING = {
    "train": "with tracking.start_run(settings, 'run', {}) as run:\n    use(run)",
    "evaluate": "use(tracking.resume_run(settings, RUN))",
    "govern": "tracking.resume_run(settings, RUN).log_file(path)",
}
SCRIPT_OF_LOGGING = """
import pathlib, sys
from ml_jobs import settings as reading, tracking
RUN, path = sys.argv[1], pathlib.Path(sys.argv[2])
settings = reading.read_settings()
def use(run):
    run.log_params({"a": 1})
    run.log_metrics({"b": 2.0})
    run.log_file(path)
"""


@dataclass(frozen=True)
class Tracked:
    """A tracking server that runs, and a run in its default experiment."""

    arn: str
    run: str


@pytest.fixture(scope="module")
def tracked(local_aws: LocalAws, base: Ground) -> Iterator[Tracked]:
    sagemaker, name = local_aws.client("sagemaker"), local_aws.name("gated")
    arn = sagemaker.create_mlflow_tracking_server(
        TrackingServerName=name, ArtifactStoreUri=f"s3://{base.bucket}/mlflow", RoleArn=base.role
    )["TrackingServerArn"]

    def created() -> Any:
        found = sagemaker.describe_mlflow_tracking_server(TrackingServerName=name)
        assert found["TrackingServerStatus"] in ("Creating", "Created")
        return found.get("TrackingServerUrl") if found["TrackingServerStatus"] == "Created" else None

    url = eventually(created, attempts=3000)
    made = httpx.post(f"{url}/api/2.0/mlflow/runs/create", json={"experiment_id": "0"}).json()
    yield Tracked(arn, made["run"]["info"]["run_id"])
    sagemaker.delete_mlflow_tracking_server(TrackingServerName=name)


def log_as(actor: Actor, tracked: Tracked, role: str, folder: Path) -> subprocess.Popen[str]:
    """Begin to log what a role logs."""
    environment = {
        **os.environ,
        **actor.aws.environment,
        "AWS_ACCESS_KEY_ID": actor.credentials["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": actor.credentials["SecretAccessKey"],
        "AWS_SESSION_TOKEN": actor.credentials["SessionToken"],
        "MLFLOW_TRACKING_URI": tracked.arn,
        "SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT": gate_address(actor.aws.cloud.endpoint_url, tracked.arn),
        "PYTHONPATH": str(ROOT),
    }
    note = folder / "note.txt"
    note.write_text("note")
    command = [sys.executable, "-c", SCRIPT_OF_LOGGING + LOGGING[role], tracked.run, str(note)]
    return subprocess.Popen(command, env=environment, cwd=folder, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_logging_to_a_tracking_server_takes_just_the_actions_that_the_stack_grants(
    local_aws: LocalAws, base: Ground, tracked: Tracked, tmp_path: Path
) -> None:
    """Protects: tracking.mode server, whose actions are those of MLflow's API: the grants suffice, none is spare."""
    storing = {"Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{base.bucket}/mlflow/*"}
    granted = {role: {f"sagemaker-mlflow:{name}" for name in SERVER_ACTIONS[role]} for role in ROLES_THAT_LOG}
    begun = []
    for role in ROLES_THAT_LOG:
        actor = acting(local_aws)
        actor.allow({"Action": sorted(granted[role]), "Resource": tracked.arn}, storing)
        begun.append((role, actor, log_as(actor, tracked, role, tmp_path)))
    for role, actor, process in begun:
        _, said = process.communicate()
        assert process.returncode == 0, (role, said)
        assert {line["action"] for line in actor.recorded()} == granted[role] | {"s3:PutObject"}, role
        assert all(line["allowed"] for line in actor.recorded())
