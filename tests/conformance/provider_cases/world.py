"""What the cases need in the cloud besides their own resources, made with the vendor's client when first asked for."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tests.localcloud.cloud import LocalAws
from tests.localcloud.endpoint_ground import SERVER, Serving
from tests.localcloud.job_images import ground

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}

# As the server of the endpoint tests; a training job ends well at once.
SCRIPT = 'import sys\nif "train" in sys.argv:\n    sys.exit(0)\n' + SERVER


def allow(*actions: str, resource: str = "*") -> str:
    """A policy that allows these actions."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class World:
    """The cloud that the cases run in, and what they share there."""

    def __init__(self, aws: LocalAws, crane: str, folder: Path) -> None:
        self.aws = aws
        self._crane = crane
        self._folder = folder

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a process uses this cloud."""
        return self.aws.environment

    @cached_property
    def serving(self) -> Serving:
        """A bucket, a role, and an image that trains and serves."""
        return Serving(self.aws, ground(self.aws, self._crane, self._folder, SCRIPT))

    def client(self, service: str) -> Any:
        """The vendor's client."""
        return self.aws.client(service)

    def lacks(self, service: str, operation: str, **arguments: str) -> str:
        """The operation, if the cloud says that it does not implement it."""
        try:
            getattr(self.client(service), operation)(**arguments)
        except ClientError as error:
            return operation if "not implemented" in str(error) else ""
        return ""

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
