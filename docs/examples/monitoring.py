"""Monitoring alone: alarms, dashboard and logs of an endpoint that need not exist yet."""

import pulumi

from components.monitoring.aws import AwsMonitoring
from components.naming import Naming
from components.spec import Monitoring

naming = Naming("example", pulumi.get_stack(), "data-team")
monitoring = AwsMonitoring(
    naming.prefix,
    {
        "naming": naming,
        "monitoring": Monitoring(emails=("on-call@example.com",), latency_ms=250),
        "models": ["churn"],
        "region": "us-east-1",
    },
)

pulumi.export("topic", monitoring.topic)
