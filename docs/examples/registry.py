"""A registry alone: the group of one model's versions."""

import pulumi

from components.naming import Naming
from components.registry.aws import AwsRegistry

naming = Naming("example", pulumi.get_stack(), "data-team")
registry = AwsRegistry(naming.of("churn"), {"naming": naming, "model": "churn"})

pulumi.export("group", registry.group)
