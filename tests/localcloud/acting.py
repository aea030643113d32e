"""Who acts in the tests of permissions: a session of a role whose policies each test sets."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tests.localcloud.cloud import REGION, LocalAws
from tests.localcloud.job_images import TRUST


@dataclass(frozen=True)
class Actor:
    """A role, a session of it, and a bucket that it acts on."""

    aws: LocalAws
    role: str
    arn: str
    credentials: dict[str, str]
    bucket: str

    def client(self, service: str, **settings: Any) -> Any:
        """A client with the session's credentials."""
        return boto3.client(
            service,
            endpoint_url=self.aws.cloud.endpoint_url,
            region_name=REGION,
            aws_access_key_id=self.credentials["AccessKeyId"],
            aws_secret_access_key=self.credentials["SecretAccessKey"],
            aws_session_token=self.credentials["SessionToken"],
            **settings,
        )

    def allow(self, *statements: dict[str, Any]) -> None:
        """Let the role do this and nothing else."""
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in statements]}
        client = self.aws.client("iam")
        client.put_role_policy(RoleName=self.role, PolicyName="only", PolicyDocument=json.dumps(policy))

    def recorded(self) -> list[dict[str, Any]]:
        """What the gate recorded of this role."""
        record = Path(self.aws.cloud.log_path).parents[1] / "permissions.jsonl"
        lines = [json.loads(line) for line in record.read_text().splitlines()]
        return [line for line in lines if line["role"] == self.role]

    def objects(self, pattern: str = "*") -> str:
        """The ARN of the bucket's objects."""
        return f"arn:aws:s3:::{self.bucket}/{pattern}"


def acting(local_aws: LocalAws) -> Actor:
    """A session of a role that may do nothing, and a bucket with the object `in/a`."""
    name, bucket = local_aws.name("acting"), local_aws.name("acted-on")
    local_aws.client("s3").create_bucket(Bucket=bucket)
    local_aws.client("s3").put_object(Bucket=bucket, Key="in/a", Body=b"a")
    made = local_aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
    session = local_aws.client("sts").assume_role(RoleArn=made["Arn"], RoleSessionName="session")
    return Actor(local_aws, name, made["Arn"], session["Credentials"], bucket)
