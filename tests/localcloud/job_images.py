"""What jobs of a test stand on: a tiny image, built with crane and pushed to ECR's registry, a role, a bucket."""

import io
import json
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.localcloud.cloud import LocalAws

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@dataclass(frozen=True)
class Ground:
    """What jobs of a test stand on: a bucket, a role, and an image whose entrypoint is the script given."""

    aws: LocalAws
    bucket: str
    role: str
    image: str

    def text(self, key: str) -> str:
        """Read an object."""
        body: bytes = self.aws.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body.decode()

    def keys(self, prefix: str) -> list[str]:
        """List the keys under a prefix."""
        found = self.aws.client("s3").list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for item in found.get("Contents", ())]

    def log(self, group: str, job: str) -> list[str]:
        """Read a job's log, whose stream is named as the vendor's are."""
        logs = self.aws.client("logs")
        streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/algo-1-")["logStreams"]
        assert len(streams) == 1
        events = logs.get_log_events(logGroupName=group, logStreamName=streams[0]["logStreamName"], startFromHead=True)
        return [event["message"] for event in events["events"]]


def ground(aws: LocalAws, crane: str, folder: Path, script: str) -> Ground:
    """Make a bucket, a role that SageMaker may assume, a repository, and an image that runs a script."""
    bucket, name = aws.name("jobs-bucket"), aws.name("jobs-role")
    aws.client("s3").create_bucket(Bucket=bucket)
    iam = aws.client("iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(ALLOW))
    return Ground(aws, bucket, role, push(aws, crane, folder, script))


def push(aws: LocalAws, crane: str, folder: Path, script: str) -> str:
    """Push an image without a base whose entrypoint is a script, and return its URI by digest."""
    ecr = aws.client("ecr")
    name = aws.name("jobs/repository")
    uri = ecr.create_repository(repositoryName=name)["repository"]["repositoryUri"]
    registry = urlsplit(ecr.get_authorization_token()["authorizationData"][0]["proxyEndpoint"]).netloc
    archive = folder / "layer.tar"
    with tarfile.open(archive, "w") as tar:
        member = tarfile.TarInfo("opt/job/main.py")
        member.size = len(script.encode())
        tar.addfile(member, io.BytesIO(script.encode()))
    target = f"{registry}/{name}:latest"
    _run(crane, "append", "--new_layer", str(archive), "--new_tag", target)
    _run(crane, "mutate", target, "--tag", target, "--entrypoint=python,-u,/opt/job/main.py")
    return f"{uri}@{_run(crane, 'digest', target).strip()}"


def wait_for(aws: LocalAws, kind: str, name: str) -> dict[str, Any]:
    """Wait for a job to end, however it ends, and describe it."""
    return ended(aws.client("sagemaker"), kind, name, delay_seconds=0.1)


def ended(sagemaker: Any, kind: str, name: str, *, delay_seconds: float) -> dict[str, Any]:
    """Wait with boto3's own waiter, which looks 600 times, for a job to end, however it ends, and describe it."""
    member = {f"{kind.capitalize()}JobName": name}
    waiter = sagemaker.get_waiter(f"{kind}_job_completed_or_stopped")
    try:
        waiter.wait(**member, WaiterConfig={"Delay": delay_seconds, "MaxAttempts": 600})
    except Exception as error:
        if "terminal failure state" not in str(error):
            raise
    described: dict[str, Any] = getattr(sagemaker, f"describe_{kind}_job")(**member)
    return described


def _run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout
