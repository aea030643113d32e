"""Monitoring alone: alarms, dashboard and logs of an endpoint that need not exist yet."""

import pulumi

from components.monitoring.gcp import GcpMonitoring
from components.naming import Naming
from components.place import Place
from components.spec import Monitoring

naming = Naming("example", pulumi.get_stack(), "data-team")
place = Place("us-central1", "our-project", "123456789012")
monitoring = GcpMonitoring(
    naming.prefix,
    {
        "naming": naming,
        "place": place,
        "monitoring": Monitoring(emails=("on-call@example.com",), latency_ms=250),
        "models": ["churn"],
        "region": place.region,
    },
)

pulumi.export("topic", monitoring.topic)
