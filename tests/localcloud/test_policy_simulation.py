"""IAM's policy simulator answers as the gate would judge: the SageMaker SDK asks it before it uses a role."""

import json

import pytest
from botocore.exceptions import ClientError

from tests.localcloud.cloud import LocalAws
from tests.localcloud.job_images import TRUST

POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::data/*"},
        {"Effect": "Allow", "Action": "sagemaker:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "sagemaker:Delete*", "Resource": "*"},
    ],
}


@pytest.fixture
def role(local_aws: LocalAws) -> str:
    iam, name = local_aws.client("iam"), local_aws.name("simulated")
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(POLICY))
    return arn


def test_wildcards_denials_and_resources_are_judged(local_aws: LocalAws, role: str) -> None:
    """Protects: without a resource the question is of `*`, and the decision is the gate's."""
    pages = local_aws.client("iam").get_paginator("simulate_principal_policy")

    def decided(*actions: str, **more: list[str]) -> dict[str, str]:
        asked = pages.paginate(PolicySourceArn=role, ActionNames=list(actions), **more)
        return {one["EvalActionName"]: one["EvalDecision"] for page in asked for one in page["EvaluationResults"]}

    assert decided("sagemaker:CreateModel", "sagemaker:DeleteModel", "s3:GetObject") == {
        "sagemaker:CreateModel": "allowed",
        "sagemaker:DeleteModel": "explicitDeny",
        "s3:GetObject": "implicitDeny",
    }
    assert decided("s3:GetObject", ResourceArns=["arn:aws:s3:::data/a"]) == {"s3:GetObject": "allowed"}


def test_a_role_that_is_missing_is_named(local_aws: LocalAws) -> None:
    with pytest.raises(ClientError, match="NoSuchEntity"):
        local_aws.client("iam").simulate_principal_policy(
            PolicySourceArn="arn:aws:iam::000000000000:role/nobody", ActionNames=["s3:GetObject"]
        )
