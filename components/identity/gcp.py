"""The roles on Google Cloud: a service account for each, with one IAM member for each thing that it may do."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

import pulumi
import pulumi_gcp as gcp

from components.google import Target, enable, own_role, statement
from components.identity import IdentityArgs
from components.stages import JOBS, Grants, Role, StepRole, together

STARTING = (
    "aiplatform.customJobs.cancel",
    "aiplatform.customJobs.create",
    "aiplatform.customJobs.get",
)
"""What the launcher of a pipeline's steps calls. Source: aiplatform v1, projects.locations.customJobs."""

CONTAINERS: tuple[Role, ...] = (*JOBS, "serving")
"""Who runs containers on Vertex AI."""


class GcpIdentity(pulumi.ComponentResource):
    """Service accounts, one for each who acts, each allowed only what the stages grant it.

    Accounts take no labels.
    """

    roles: Mapping[Role, pulumi.Output[str]]
    grants: Grants

    def __init__(self, name: str, args: IdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("stile:index:Identity", name, {}, opts)
        self._naming, self._place = args["naming"], args["place"]
        self._created: dict[Role, gcp.serviceaccount.Account] = {}
        existing = args.get("existing", {})
        roles: dict[Role, pulumi.Output[str]] = {}
        made = [role for role in get_args(Role) if role not in existing]
        enabled = enable(self._naming, ("iam",), pulumi.ResourceOptions(parent=self)) if made else []
        for role in get_args(Role):
            if role in existing:
                roles[role] = pulumi.Output.from_input(existing[role])
            else:
                self._created[role] = self._account(role, enabled)
                roles[role] = self._created[role].email
        self.roles = roles
        self.grants = self._grants()
        self.register_outputs({f"{role}_account": email for role, email in roles.items()})

    def _grants(self) -> Grants:
        return together({role: self._running() for role in CONTAINERS}, {"pipeline": self._starting()})

    def _running(self) -> Sequence[Mapping[str, Any]]:
        """What whoever runs a container needs: its log. In the whole project, for logs know no smaller thing."""
        return (statement("logs", "roles/logging.logWriter", "project", self._place.project),)

    def _starting(self) -> Sequence[Mapping[str, Any]]:
        """What a pipeline needs to run its steps: to make jobs, and to hand each its account."""
        passing = (
            statement(f"as-{step}", "roles/iam.serviceAccountUser", "account", self._named(self.roles[step]))
            for step in get_args(StepRole)
        )
        return (own_role("starting", STARTING), *passing)

    def _named(self, email: pulumi.Output[str]) -> pulumi.Output[str]:
        return pulumi.Output.concat(f"projects/{self._place.project}/serviceAccounts/", email)

    def _account(self, role: Role, enabled: Sequence[pulumi.Resource]) -> Any:
        return gcp.serviceaccount.Account(
            self._naming.of(role),
            account_id=self._naming.of(role),
            display_name=self._naming.of(role),
            description=f"What {role} of {self._naming.prefix} may do",
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(enabled)),
        )

    def allow(self, what: str, grants: Grants) -> Mapping[Role, Sequence[pulumi.Resource]]:
        """Give each created account what these statements say; one given by its address stays as it is."""
        return {
            role: [self._member(role, what, each) for each in statements]
            for role, statements in grants.items()
            if role in self._created
        }

    def _member(self, role: Role, what: str, said: Mapping[str, Any]) -> pulumi.Resource:
        account = self._created[role]
        name = self._naming.of(role, what, said["name"])
        opts = pulumi.ResourceOptions(parent=account)
        given = {"role": said["role"]} if "role" in said else {"role": self._own_role(name, said, opts).name}
        limits = {"condition": {"title": name, "expression": said["condition"]}} if "condition" in said else {}
        target = said.get("target", self._place.project)
        made: pulumi.Resource = MEMBERS[said["on"]](name, target, {"member": account.member, **given, **limits}, opts)
        return made

    def _own_role(self, name: str, said: Mapping[str, Any], opts: pulumi.ResourceOptions) -> Any:
        """Make a custom role; the provider takes a deleted one of the same id back, which Google keeps for weeks."""
        return gcp.projects.IAMCustomRole(
            name,
            role_id=name.replace("-", "_"),
            title=name,
            permissions=said["permissions"],
            opts=opts,
        )


def _on_account(name: str, target: pulumi.Input[str], given: Mapping[str, Any], opts: pulumi.ResourceOptions) -> Any:
    return gcp.serviceaccount.IAMMember(name, service_account_id=target, **given, opts=opts)


def _on_bucket(name: str, target: pulumi.Input[str], given: Mapping[str, Any], opts: pulumi.ResourceOptions) -> Any:
    return gcp.storage.BucketIAMMember(name, bucket=target, **given, opts=opts)


def _on_project(name: str, target: pulumi.Input[str], given: Mapping[str, Any], opts: pulumi.ResourceOptions) -> Any:
    return gcp.projects.IAMMember(name, project=target, **given, opts=opts)


def _on_repository(name: str, target: pulumi.Input[str], given: Mapping[str, Any], opts: pulumi.ResourceOptions) -> Any:
    return gcp.artifactregistry.RepositoryIamMember(name, repository=target, **given, opts=opts)


def _on_secret(name: str, target: pulumi.Input[str], given: Mapping[str, Any], opts: pulumi.ResourceOptions) -> Any:
    return gcp.secretmanager.SecretIamMember(name, secret_id=target, **given, opts=opts)


def _on_service(name: str, target: pulumi.Input[str], given: Mapping[str, Any], opts: pulumi.ResourceOptions) -> Any:
    return gcp.cloudrunv2.ServiceIamMember(name, name=target, **given, opts=opts)


MEMBERS: Mapping[Target, Callable[..., pulumi.Resource]] = {
    "account": _on_account,
    "bucket": _on_bucket,
    "project": _on_project,
    "repository": _on_repository,
    "secret": _on_secret,
    "service": _on_service,
}
