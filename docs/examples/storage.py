"""A data bucket alone: encrypted, versioned, private; kept by `pulumi destroy --exclude-protected`."""

import pulumi

from components.naming import Naming
from components.storage.aws import AwsStorage

naming = Naming("example", pulumi.get_stack(), "data-team")
storage = AwsStorage(naming.prefix, {"naming": naming, "retention_days": 30})

pulumi.export("data", storage.uri)
