"""An endpoint alone: serves a registered version, and fails the update unless that version is live."""

import pulumi

from components.endpoint import Serving
from components.endpoint.gcp import GcpEndpoint
from components.naming import Naming
from components.place import Place
from components.spec import Capture, Endpoint, Release, Rollout

naming = Naming("example", pulumi.get_stack(), "data-team")
place = Place("us-central1", "our-project", "123456789012")
serving = Serving(
    model="churn",
    use_case="churn",
    machine="e2-standard-2",
    endpoint=Endpoint(capture=Capture(share=0.1)),
    rollout=Rollout(bake_seconds=300),
    release=Release(version="3", sha256="ab" * 32),
)
endpoint = GcpEndpoint(
    naming.of("churn"),
    {
        "naming": naming,
        "place": place,
        "serving": serving,
        "role": "our-serving@our-project.iam.gserviceaccount.com",
        "data_uri": "gs://our-bucket",
        "key": f"{place.parent}/keyRings/our-ring/cryptoKeys/our-key",
        "version": f"{place.parent}/models/churn@3",
        "alarms": ["projects/our-project/alertPolicies/1234567890"],
    },
)

pulumi.export("endpoint", endpoint.name)
