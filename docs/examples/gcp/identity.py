"""Service accounts alone: what Vertex AI's jobs, pipelines and endpoints act under; one bucket may be read."""

import pulumi

from components.google import statement
from components.identity.gcp import GcpIdentity
from components.naming import Naming
from components.place import Place

naming = Naming("example", pulumi.get_stack(), "data-team")
place = Place("us-central1", "our-project", "123456789012")
identity = GcpIdentity(naming.prefix, {"naming": naming, "place": place})
identity.allow("access", identity.grants)
identity.allow("shared", {"jobs": [statement("reads", "roles/storage.objectViewer", "bucket", "our-shared-data")]})

pulumi.export("job_role", identity.roles["jobs"])
