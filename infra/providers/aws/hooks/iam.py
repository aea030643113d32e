"""IAM: roles with the policies inside them, versions of policies, attachments."""

from typing import Any

from infra.providers.aws.calls import Calls
from infra.providers.aws.hooks import Hook
from infra.providers.kit.schema import canonical
from infra.providers.kit.tables import Call
from infra.providers.kit.values import Properties

_MOST_VERSIONS = 5  # of one policy, at the service


class RoleHook(Hook):
    """A role, whose inline and managed policies may be given in place."""

    def after_create(self, calls: Calls, inputs: Properties, known: dict[str, Any]) -> None:
        """Put the policies that the program gives in place."""
        self._reconcile(calls, inputs, {}, known["id"])

    def update_arguments(self, call: Call, args: dict[str, Any], inputs: Properties) -> dict[str, Any]:
        """The trust policy has another name in its own operation."""
        if call.operation == "UpdateAssumeRolePolicy":
            return {**args, "PolicyDocument": inputs["assumeRolePolicy"]}
        return args

    def after_update(self, calls: Calls, inputs: Properties, olds: Properties, known: dict[str, Any]) -> None:
        """Bring the policies given in place from old to new."""
        self._reconcile(calls, inputs, olds, known["id"])

    def _reconcile(self, calls: Calls, inputs: Properties, olds: Properties, role: str) -> None:
        if "inlinePolicies" in inputs:
            new = _inline(inputs)
            for name in _inline(olds).keys() - new.keys():
                calls("DeleteRolePolicy", RoleName=role, PolicyName=name)
            for name, document in new.items():
                calls("PutRolePolicy", RoleName=role, PolicyName=name, PolicyDocument=document)
        if "managedPolicyArns" in inputs:
            attached = set(olds.get("managedPolicyArns") or ())
            wanted = set(inputs["managedPolicyArns"])
            for arn in sorted(attached - wanted):
                calls("DetachRolePolicy", RoleName=role, PolicyArn=arn)
            for arn in sorted(wanted - attached):
                calls("AttachRolePolicy", RoleName=role, PolicyArn=arn)

    def delete(self, calls: Calls, outputs: Properties, known: dict[str, Any]) -> bool:
        """Take the policies off first, if the role holds them or the program says so."""
        if outputs.get("forceDetachPolicies") or _inline(outputs):
            for name in calls("ListRolePolicies", RoleName=known["id"]).get("PolicyNames", ()):
                calls("DeleteRolePolicy", RoleName=known["id"], PolicyName=name)
        if outputs.get("forceDetachPolicies") or outputs.get("managedPolicyArns"):
            for each in calls("ListAttachedRolePolicies", RoleName=known["id"]).get("AttachedPolicies", ()):
                calls("DetachRolePolicy", RoleName=known["id"], PolicyArn=each["PolicyArn"])
        return False


def _inline(properties: Properties) -> dict[str, str]:
    rows = properties.get("inlinePolicies") or ()
    return {row["name"]: row["policy"] for row in rows if row.get("policy")}


class PolicyHook(Hook):
    """A managed policy, whose document is kept in versions."""

    def after_update(self, calls: Calls, inputs: Properties, olds: Properties, known: dict[str, Any]) -> None:
        """Make a new default version if the document's meaning changed; the oldest goes when there are too many."""
        if canonical(olds.get("policy", ""), policy=True) == canonical(inputs["policy"], policy=True):
            return
        versions = _versions(calls, known["id"])
        if len(versions) >= _MOST_VERSIONS:
            oldest = next(each for each in reversed(versions) if not each["IsDefaultVersion"])
            calls("DeletePolicyVersion", PolicyArn=known["id"], VersionId=oldest["VersionId"])
        calls("CreatePolicyVersion", PolicyArn=known["id"], PolicyDocument=inputs["policy"], SetAsDefault=True)

    def document(self, calls: Calls, document: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        """Add the default version's document."""
        version = calls("GetPolicyVersion", PolicyArn=known["id"], VersionId=document["DefaultVersionId"])
        return {**document, "PolicyDocument": version["PolicyVersion"]["Document"]}

    def delete(self, calls: Calls, outputs: Properties, known: dict[str, Any]) -> bool:
        """Delete the other versions first."""
        for each in _versions(calls, known["id"]):
            if not each["IsDefaultVersion"]:
                calls("DeletePolicyVersion", PolicyArn=known["id"], VersionId=each["VersionId"])
        return False


def _versions(calls: Calls, arn: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = calls("ListPolicyVersions", PolicyArn=arn)["Versions"]
    return sorted(found, key=lambda each: int(each["VersionId"].removeprefix("v")), reverse=True)


class AttachmentHook(Hook):
    """A policy attached to a role."""

    def document(self, calls: Calls, document: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        """Add the role, which the answer does not hold."""
        return {**document, "RoleName": known["role"]}
