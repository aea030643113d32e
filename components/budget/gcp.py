"""The budget on Google Cloud: a budget of the billing account over the costs that carry the stack's label."""

from decimal import Decimal

import pulumi
import pulumi_gcp as gcp

from components.budget import BudgetArgs
from components.google import enable


class GcpBudget(pulumi.ComponentResource):
    """A monthly cost budget of one environment, in the billing account that pays for its project.

    It counts what carries the label `stile-stack`. Budgets take no labels of their own.
    """

    name: pulumi.Output[str]

    def __init__(self, name: str, args: BudgetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("stile:index:Budget", name, {}, opts)
        naming, place = args["naming"], args["place"]
        enabled = enable(naming, ("billingbudgets",), pulumi.ResourceOptions(parent=self))
        units, nanos = _money(args["monthly_usd"])
        budget = gcp.billing.Budget(
            naming.prefix,
            billing_account=place.billing_account,
            display_name=naming.prefix,
            amount={"specified_amount": {"currency_code": "USD", "units": units, "nanos": nanos}},
            budget_filter={
                "projects": [f"projects/{place.project_number}"],
                "labels": {"stile-stack": naming.prefix},
                "calendar_period": "MONTH",
            },
            threshold_rules=[
                {"threshold_percent": share, "spend_basis": "CURRENT_SPEND"} for share in args["alert_at"]
            ],
            all_updates_rule={"pubsub_topic": args["topic"], "schema_version": "1.0"},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*enabled, *args.get("depends_on", ())]),
        )
        self.name = budget.display_name
        self.register_outputs({"name": self.name})


def _money(usd: float) -> tuple[str, int]:
    """Return whole dollars, and billionths of one, as Google writes an amount."""
    exact = Decimal(str(usd))
    return str(int(exact)), int((exact % 1) * 10**9)
