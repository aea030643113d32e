"""The roles on AWS: IAM roles that SageMaker assumes, with one inline policy per role and purpose."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import pulumi
import pulumi_aws as aws

from components.identity import IdentityArgs
from components.stages import Grants, Role

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}

LOGS: Sequence[Mapping[str, Any]] = (
    {
        "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
        "Resource": ["arn:aws:logs:*:*:log-group:/aws/sagemaker/*"],
    },
    {
        "Action": ["cloudwatch:PutMetricData"],
        "Resource": ["*"],  # the action knows no resources
        "Condition": {"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}},
    },
)

_RUNNERS = ("training-job", "processing-job")


def _starting_jobs(job_role: pulumi.Input[str]) -> Sequence[Mapping[str, Any]]:
    """What a pipeline needs to run its steps; SageMaker names their jobs `pipelines-<execution>-<step>-<random>`."""
    verbs = [
        f"sagemaker:{verb}{kind}Job" for verb in ("Create", "Describe", "Stop") for kind in ("Training", "Processing")
    ]
    return (
        {
            "Action": [*verbs, "sagemaker:AddTags"],
            "Resource": [f"arn:aws:sagemaker:*:*:{runner}/pipelines-*" for runner in _RUNNERS],
        },
        {
            "Action": ["iam:PassRole"],
            "Resource": [job_role],
            "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        },
    )


class AwsIdentity(pulumi.ComponentResource):
    """Four IAM roles, each allowed only what the stages grant it."""

    roles: Mapping[Role, pulumi.Output[str]]

    def __init__(self, name: str, args: IdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("stile:index:Identity", name, {}, opts)
        self._naming = args["naming"]
        self._created: dict[Role, aws.iam.Role] = {}
        existing = args.get("existing", {})
        roles: dict[Role, pulumi.Output[str]] = {}
        for role in get_args(Role):
            if role in existing:
                roles[role] = pulumi.Output.from_input(existing[role])
            else:
                self._created[role] = self._role(role)
                roles[role] = self._created[role].arn
        self.roles = roles
        self.allow("logs", {"jobs": LOGS, "serving": LOGS})
        self.allow("jobs", {"pipeline": _starting_jobs(roles["jobs"])})
        self.register_outputs({f"{role}_role_arn": arn for role, arn in roles.items()})

    def _role(self, role: Role) -> Any:
        return aws.iam.Role(
            self._naming.of(role),
            name=self._naming.of(role),
            description=f"What {role} of {self._naming.prefix} may do",
            assume_role_policy=pulumi.Output.json_dumps(TRUST),
            tags=self._naming.tags("identity"),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def allow(self, what: str, grants: Grants) -> Mapping[Role, pulumi.Resource]:
        """Give each created role an inline policy of these statements; a role given by its ARN stays as it is."""
        return {
            role: self._policy(role, what, statements) for role, statements in grants.items() if role in self._created
        }

    def _policy(self, role: Role, what: str, statements: Sequence[Mapping[str, Any]]) -> Any:
        policy = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", **statement} for statement in statements],
        }
        return aws.iam.RolePolicy(
            self._naming.of(role, what),
            name=self._naming.of(role, what),
            role=self._created[role].name,
            policy=pulumi.Output.json_dumps(policy),
            opts=pulumi.ResourceOptions(parent=self._created[role]),
        )
