"""A pipeline alone: the value chain of one use case, over a bucket, roles and an image that exist."""

import pulumi

from components.naming import Naming
from components.pipeline.gcp import GcpPipeline
from components.place import Place
from components.training import JobTemplate

naming = Naming("example", pulumi.get_stack(), "data-team")
place = Place("us-central1", "our-project", "123456789012")
template = JobTemplate(
    image_uri="us-central1-docker.pkg.dev/our-project/ours/jobs@sha256:" + "1" * 64,
    role="our-jobs@our-project.iam.gserviceaccount.com",
    key=f"{place.parent}/keyRings/our-ring/cryptoKeys/our-key",
    machine="e2-highmem-2",
    processing_machine="e2-highmem-2",
    max_seconds=3600,
)
pipeline = GcpPipeline(
    naming.of("churn"),
    {
        "naming": naming,
        "place": place,
        "model": "churn",
        "use_case": "churn",
        "candidates": ["logistic", "forest"],
        "template": template,
        "data_uri": "gs://our-bucket",
        "role": "our-pipelines@our-project.iam.gserviceaccount.com",
        "group": "our-group",
    },
)

pulumi.export("pipeline", pipeline.name)
