"""A registry alone: the id under which one model's versions are uploaded."""

import pulumi

from components.naming import Naming
from components.place import Place
from components.registry.gcp import GcpRegistry

naming = Naming("example", pulumi.get_stack(), "data-team")
place = Place("us-central1", "our-project", "123456789012")
registry = GcpRegistry(naming.of("churn"), {"naming": naming, "place": place, "model": "churn"})

pulumi.export("group", registry.group)
