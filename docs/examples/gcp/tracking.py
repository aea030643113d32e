"""MLflow alone: our own server on Cloud Run and Cloud SQL, over a bucket and an account that exist."""

import pulumi

from components.naming import Naming
from components.place import Place
from components.tracking.gcp import GcpTracking

naming = Naming("example", pulumi.get_stack(), "data-team")
place = Place("us-central1", "our-project", "123456789012")
tracking = GcpTracking(
    naming.prefix,
    {
        "naming": naming,
        "place": place,
        "mode": "managed",
        "artifacts_uri": "gs://our-bucket/mlflow",
        "role": "our-mlflow@our-project.iam.gserviceaccount.com",
    },
)

pulumi.export("tracking_uri", tracking.uri)
