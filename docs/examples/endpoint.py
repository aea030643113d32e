"""An endpoint alone: serves a registered version, and fails the update unless that version is live."""

import pulumi

from components.endpoint import Serving
from components.endpoint.aws import AwsEndpoint
from components.naming import Naming
from components.spec import Capture, Endpoint, Release, Rollout

naming = Naming("example", pulumi.get_stack(), "data-team")
serving = Serving(
    model="churn",
    use_case="churn",
    machine="ml.c5.large",
    endpoint=Endpoint(capture=Capture(share=0.1)),
    rollout=Rollout(bake_seconds=300),
    release=Release(version="3", sha256="ab" * 32),
)
endpoint = AwsEndpoint(
    naming.of("churn"),
    {
        "naming": naming,
        "serving": serving,
        "role": "arn:aws:iam::123456789012:role/our-serving",
        "data_uri": "s3://our-bucket",
        "key": "arn:aws:kms:us-east-1:123456789012:key/our-key",
        "version": "arn:aws:sagemaker:us-east-1:123456789012:model-package/churn/3",
        "alarms": ["our-alarm"],
    },
)

pulumi.export("endpoint", endpoint.name)
