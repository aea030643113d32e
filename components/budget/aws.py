"""The budget on AWS: AWS Budgets over the costs that carry the stack's tag."""

import pulumi
import pulumi_aws as aws

from components.budget import BudgetArgs


class AwsBudget(pulumi.ComponentResource):
    """A monthly cost budget of one environment.

    It counts what carries the tag `stile-stack`; the tag must be activated once per account as a cost allocation
    tag, or the budget sees no cost at all.
    """

    name: pulumi.Output[str]

    def __init__(self, name: str, args: BudgetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("stile:index:Budget", name, {}, opts)
        naming = args["naming"]
        budget = aws.budgets.Budget(
            naming.prefix,
            name=naming.prefix,
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=f"{args['monthly_usd']:g}",
            limit_unit="USD",
            cost_filters=[{"name": "TagKeyValue", "values": [f"user:stile-stack${naming.prefix}"]}],
            notifications=[
                {
                    "comparison_operator": "GREATER_THAN",
                    "notification_type": "ACTUAL",
                    "threshold": round(share * 100, 2),
                    "threshold_type": "PERCENTAGE",
                    "subscriber_sns_topic_arns": [args["topic"]],
                }
                for share in args["alert_at"]
            ],
            tags=naming.tags("budget"),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.get("depends_on", ()))),
        )
        self.name = budget.name
        self.register_outputs({"name": self.name})
