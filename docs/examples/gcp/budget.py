"""A budget alone: told to a topic that exists."""

import pulumi

from components.budget.gcp import GcpBudget
from components.naming import Naming
from components.place import Place

naming = Naming("example", pulumi.get_stack(), "data-team")
place = Place("us-central1", "our-project", "123456789012", billing_account="012345-6789AB-CDEF01")
budget = GcpBudget(
    naming.prefix,
    {
        "naming": naming,
        "place": place,
        "monthly_usd": 250,
        "alert_at": [0.8, 1.0],
        "topic": "projects/our-project/topics/our-topic",
    },
)

pulumi.export("budget", budget.name)
