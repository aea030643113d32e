"""MLflow alone: SageMaker's serverless App over a bucket and a role that exist."""

import pulumi

from components.naming import Naming
from components.tracking.aws import AwsTracking

naming = Naming("example", pulumi.get_stack(), "data-team")
tracking = AwsTracking(
    naming.prefix,
    {
        "naming": naming,
        "mode": "managed",
        "artifacts_uri": "s3://our-bucket/mlflow",
        "role": "arn:aws:iam::123456789012:role/our-mlflow",
    },
)

pulumi.export("tracking_uri", tracking.uri)
