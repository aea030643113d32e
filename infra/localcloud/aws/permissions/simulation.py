"""Answers IAM's SimulatePrincipalPolicy by the gate's own judgement: LocalStack's compares texts, without wildcards.

The vendor's SageMaker SDK asks it of every role that it is given, and refuses one without permissions.
"""

import json
from collections.abc import Mapping
from typing import Any

from localstack.aws.api import RequestContext
from localstack.services.iam.resources.policy_simulator import BasicIAMPolicySimulator

from infra.localcloud.aws.permissions.policies import Demand, Verdict, judge
from infra.localcloud.aws.permissions.roles import Actor

# https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html
DECISIONS = {Verdict.ALLOWED: "allowed", Verdict.NOT_ALLOWED: "implicitDeny", Verdict.FORBIDDEN: "explicitDeny"}


def install() -> None:
    """Put this in the place of LocalStack's."""
    replaced: Any = BasicIAMPolicySimulator
    replaced.simulate_principal_policy = simulate


def simulate(simulator: BasicIAMPolicySimulator, context: RequestContext, request: Mapping[str, Any]) -> dict[str, Any]:
    """Judge every action on every resource (`*` unless given), with the context that the caller supposes."""
    policies = [*_policies(simulator, context, request["PolicySourceArn"])]
    policies += [json.loads(document) for document in request.get("PolicyInputList") or ()]
    facts = {
        entry["ContextKeyName"].lower(): (entry.get("ContextKeyValues") or [""])[0]
        for entry in request.get("ContextEntries") or ()
    }
    results = [
        {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": DECISIONS[judge(policies, Demand(action, resource, facts))],
            "MatchedStatements": [],
            "MissingContextValues": [],
        }
        for action in request["ActionNames"]
        for resource in request.get("ResourceArns") or ("*",)
    ]
    return {"EvaluationResults": results, "IsTruncated": False}


def _policies(simulator: BasicIAMPolicySimulator, context: RequestContext, arn: str) -> list[Mapping[str, Any]]:
    """Return a principal's policies. Raises the service's NoSuchEntity for one that does not exist."""
    backend = simulator.get_iam_backend(context)
    if ":role/" in arn:
        name = arn.rsplit("/", 1)[-1]
        backend.get_role(name)
        return Actor(context.account_id, name, "").policies()
    documents: list[Any] = simulator.get_policies_from_principal(backend, arn)
    return [json.loads(document) for document in documents]
