"""IAM."""

import json

from tests.conformance.provider_cases import Args, Case
from tests.conformance.provider_cases.world import TRUST, World, allow

TOKENS = (
    "aws:iam/role:Role",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/policy:Policy",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
)


def cases(world: World) -> list[Case]:
    role, role_policy, policy, attachment = TOKENS
    iam = world.client("iam")
    arn = world.policy()
    return [
        Case(
            role,
            args={"assumeRolePolicy": json.dumps(TRUST), "description": "first", "tags": {"stile-stage": "identity"}},
            change={"description": "second", "maxSessionDuration": 7200, "tags": {"stile-stage": "pipeline"}},
            replace={"path": "/other/"},
            drift=lambda world, out: iam.tag_role(RoleName=out["name"], Tags=[{"Key": "by-hand", "Value": "yes"}]),
            drifts="tags",
        ),
        Case(
            role_policy,
            args={"role": world.role, "policy": allow("s3:GetObject")},
            change={"policy": allow("s3:GetObject", "s3:PutObject")},
            replace={"role": world.other_role},
            drift=lambda world, out: iam.put_role_policy(
                RoleName=out["role"], PolicyName=out["name"], PolicyDocument=allow("s3:*")
            ),
            drifts="policy",
        ),
        Case(
            policy,
            args={"policy": allow("s3:GetObject"), "tags": {"a": "b"}},
            change={"policy": {"Version": "2012-10-17", "Statement": json.loads(allow("s3:Put*"))["Statement"]}},
            replace={"description": "says something now"},
            drift=_new_version,
            drifts="policy",
        ),
        Case(
            attachment,
            args={"role": world.role, "policyArn": arn},
            change={},
            replace={"role": world.other_role},
            drift=lambda world, out: iam.detach_role_policy(RoleName=out["role"], PolicyArn=out["policyArn"]),
            drifts="",
        ),
    ]


def _new_version(world: World, out: Args) -> None:
    world.client("iam").create_policy_version(PolicyArn=out["arn"], PolicyDocument=allow("s3:*"), SetAsDefault=True)
