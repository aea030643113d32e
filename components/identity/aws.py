"""The roles on AWS: IAM roles that SageMaker assumes, with one inline policy per role and purpose."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import pulumi
import pulumi_aws as aws

from components.identity import IdentityArgs
from components.stages import JOBS, Grants, Role, StepRole, together

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}

LOGGING = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents")

LOG_GROUPS: Mapping[Role, tuple[str, ...]] = {
    **dict.fromkeys(JOBS, ("ProcessingJobs",)),
    "train": ("TrainingJobs",),
    "jobs": ("Endpoints/*", "ProcessingJobs", "TrainingJobs"),
    "serving": ("Endpoints/*",),
}
"""The log groups that each role writes, below /aws/sagemaker; SageMaker's agent writes them under the job's role."""

# The role's network interfaces take these without conditions or resources, says the vendor, or its checks fail.
# https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html, the execution roles' sections on VPCs.
NETWORKING = (
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
)


class AwsIdentity(pulumi.ComponentResource):
    """IAM roles, one for each who acts, each allowed only what the stages grant it."""

    roles: Mapping[Role, pulumi.Output[str]]
    grants: Grants

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
        self._region, self._private = args.get("region", "*"), args.get("private", False)
        self.grants = self._grants(args.get("baked", ()))
        self.register_outputs({f"{role}_role_arn": arn for role, arn in roles.items()})

    def _grants(self, baked: Sequence[str]) -> Grants:
        runners = {role: self._running(role) for role in LOG_GROUPS}
        return together(runners, {"pipeline": self._starting()}, {"serving": self._watching(baked)} if baked else {})

    def _watching(self, baked: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """What a model's role needs while alarms watch its rollout, says the vendor's page on execution roles."""
        alarms = [self._arn("cloudwatch", f"alarm:{self._naming.of(model)}-*") for model in baked]
        return ({"Action": ["cloudwatch:DescribeAlarms"], "Resource": alarms},)

    def _running(self, role: Role) -> Sequence[Mapping[str, Any]]:
        """What whoever runs a container needs: its log, its machine's metrics, and its network if it has one."""
        groups = [self._arn("logs", f"log-group:/aws/sagemaker/{group}:*") for group in LOG_GROUPS[role]]
        metrics = {
            "Action": ["cloudwatch:PutMetricData"],
            "Resource": ["*"],  # the action knows no resources
            "Condition": {"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}},
        }
        network = {"Action": list(NETWORKING), "Resource": ["*"]}
        return ({"Action": list(LOGGING), "Resource": groups}, metrics, *([network] if self._private else []))

    def _starting(self) -> Sequence[Mapping[str, Any]]:
        """What a pipeline needs to run its steps; their jobs are called `pipelines-<execution>-<step>-<random>`."""
        verbs = ("Create", "Describe", "Stop")
        return (
            *(
                {
                    "Action": [*(f"sagemaker:{verb}{kind}Job" for verb in verbs), "sagemaker:AddTags"],
                    "Resource": [self._arn("sagemaker", f"{kind.lower()}-job/pipelines-*")],
                }
                for kind in ("Processing", "Training")
            ),
            {
                "Action": ["iam:PassRole"],
                "Resource": [self.roles[step] for step in get_args(StepRole)],
                "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
            },
        )

    def _arn(self, service: str, resource: str) -> pulumi.Output[str]:
        """Return the ARN of a resource in the account that the roles are in."""
        start = f"arn:aws:{service}:{self._region}"
        return self.roles["pipeline"].apply(lambda arn: f"{start}:{arn.split(':')[4]}:{resource}")

    def _role(self, role: Role) -> Any:
        return aws.iam.Role(
            self._naming.of(role),
            name=self._naming.of(role),
            description=f"What {role} of {self._naming.prefix} may do",
            assume_role_policy=pulumi.Output.json_dumps(TRUST),
            tags=self._naming.tags("identity"),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def allow(self, what: str, grants: Grants) -> Mapping[Role, Sequence[pulumi.Resource]]:
        """Give each created role an inline policy of these statements; a role given by its ARN stays as it is."""
        return {
            role: [self._policy(role, what, statements)] for role, statements in grants.items() if role in self._created
        }

    def _policy(self, role: Role, what: str, statements: Sequence[Mapping[str, Any]]) -> Any:
        policy = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", **statement} for statement in statements],
        }
        # A renamed policy carries no alias: the engine would delete it before it makes the new one, and in between the
        # role would have no permissions.
        return aws.iam.RolePolicy(
            self._naming.of(role, what),
            name=self._naming.of(role, what),
            role=self._created[role].name,
            policy=pulumi.Output.json_dumps(policy),
            opts=pulumi.ResourceOptions(parent=self._created[role]),
        )
