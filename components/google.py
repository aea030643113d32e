"""What the stages on Google Cloud share: APIs switched on, service agents, and what grants are made of."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import pulumi
import pulumi_gcp as gcp

from components.naming import Naming
from components.place import Place

Target = Literal["account", "bucket", "project", "repository", "secret", "service"]
"""What a role can be given on: a service account, a bucket, the whole project, and so on."""

AGENTS: Mapping[str, str] = {
    "aiplatform": "service-{number}@gcp-sa-aiplatform.iam.gserviceaccount.com",
    "monitoring": "service-{number}@gcp-sa-monitoring-notification.iam.gserviceaccount.com",
    "storage": "service-{number}@gs-project-accounts.iam.gserviceaccount.com",
}
"""The accounts under which Google's services act in a project.

Source: https://cloud.google.com/iam/docs/service-agents. A service makes its own when it is first used; a project that
never used one gets it by `gcloud storage service-agent` and `gcloud beta services identity create`.
"""

BUDGETS_AGENT = "billing-budget-alert@system.gserviceaccount.com"
"""Who tells topics of budgets. Source: https://cloud.google.com/billing/docs/how-to/budgets-programmatic-notifications"""


def agent(service: str, place: Place) -> str:
    """Return a service's own account in a project, as IAM's members are written."""
    return "serviceAccount:" + AGENTS[service].format(number=place.project_number)


def enable(naming: Naming, services: Iterable[str], opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """Switch a project's APIs on, and leave them on when the stack goes: others in the project may use them."""
    return [
        gcp.projects.Service(
            naming.of(service), service=f"{service}.googleapis.com", disable_on_destroy=False, opts=opts
        )
        for service in services
    ]


def statement(
    name: str,
    role: str,
    on: Target,
    target: pulumi.Input[str],
    condition: pulumi.Input[str] | None = None,
) -> Mapping[str, Any]:
    """Return a statement: a predefined role on one thing.

    `name` is unique among what a stage grants a role. `condition` is an expression of IAM Conditions, in CEL.
    """
    limits = {} if condition is None else {"condition": condition}
    return {"name": name, "role": role, "on": on, "target": target, **limits}


def own_role(name: str, permissions: Iterable[str]) -> Mapping[str, Any]:
    """Return a statement of a role made of these permissions, in the whole project.

    Vertex AI's resources take no conditions, and its predefined roles allow far more than one step needs.
    Source: https://cloud.google.com/iam/docs/resource-types-with-policies and .../docs/conditions-resource-attributes
    """
    return {"name": name, "permissions": sorted(permissions), "on": "project"}
