"""What the cases need in the cloud besides their own resources, made with the vendor's client when first asked for."""

import json
from functools import cached_property
from typing import Any

from tests.localcloud.cloud import LocalAws

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def allow(*actions: str, resource: str = "*") -> str:
    """A policy that allows these actions."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class World:
    """The cloud that the cases run in, and what they share there."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws

    def client(self, service: str) -> Any:
        """The vendor's client."""
        return self.aws.client(service)

    def bucket(self) -> str:
        """A new bucket."""
        name = self.aws.name("case-bucket")
        self.client("s3").create_bucket(Bucket=name)
        return name

    @cached_property
    def role(self) -> str:
        """A role that SageMaker may take; its name."""
        name = self.aws.name("case-role")
        self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
        return name

    @cached_property
    def other_role(self) -> str:
        """Another role; its name."""
        name = self.aws.name("case-role")
        self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
        return name

    def role_arn(self, name: str) -> str:
        """The ARN of a role."""
        return f"arn:aws:iam::000000000000:role/{name}"

    def policy(self) -> str:
        """A new managed policy; its ARN."""
        made = self.client("iam").create_policy(
            PolicyName=self.aws.name("case-policy"), PolicyDocument=allow("s3:GetObject")
        )
        return str(made["Policy"]["Arn"])
