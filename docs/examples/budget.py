"""A budget alone: told to a topic that exists."""

import pulumi

from components.budget.aws import AwsBudget
from components.naming import Naming

naming = Naming("example", pulumi.get_stack(), "data-team")
budget = AwsBudget(
    naming.prefix,
    {
        "naming": naming,
        "monthly_usd": 250,
        "alert_at": [0.8, 1.0],
        "topic": "arn:aws:sns:us-east-1:123456789012:our-topic",
    },
)

pulumi.export("budget", budget.name)
