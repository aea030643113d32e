"""A job template alone: image, role, machine and limits, for tools that start jobs themselves."""

import pulumi

from components.naming import Naming
from components.place import Place
from components.training.gcp import GcpTraining

naming = Naming("example", pulumi.get_stack(), "data-team")
place = Place("us-central1", "our-project", "123456789012")
training = GcpTraining(
    naming.prefix,
    {
        "naming": naming,
        "place": place,
        "image_uri": "us-central1-docker.pkg.dev/our-project/ours/jobs@sha256:" + "1" * 64,
        "role": "our-jobs@our-project.iam.gserviceaccount.com",
        "key": f"{place.parent}/keyRings/our-ring/cryptoKeys/our-key",
        "machine": "e2-highmem-2",
        "processing_machine": "e2-highmem-2",
        "max_seconds": 3600,
    },
)

pulumi.export("machine", training.template.apply(lambda template: template.machine))
