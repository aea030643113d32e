"""A data bucket alone: encrypted, versioned, private; kept by `pulumi destroy --exclude-protected`."""

import pulumi

from components.naming import Naming
from components.place import Place
from components.storage.gcp import GcpStorage

naming = Naming("example", pulumi.get_stack(), "data-team")
place = Place("us-central1", "our-project", "123456789012")
storage = GcpStorage(naming.prefix, {"naming": naming, "place": place, "retention_days": 30})

pulumi.export("data", storage.uri)
