"""A job template alone: image, role, machine and limits, for tools that start jobs themselves."""

import pulumi

from components.naming import Naming
from components.training.aws import AwsTraining

naming = Naming("example", pulumi.get_stack(), "data-team")
training = AwsTraining(
    naming.prefix,
    {
        "naming": naming,
        "image_uri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/jobs@sha256:" + "1" * 64,
        "role": "arn:aws:iam::123456789012:role/our-jobs",
        "key": "arn:aws:kms:us-east-1:123456789012:key/our-key",
        "machine": "ml.m5.large",
        "processing_machine": "ml.m5.large",
        "max_seconds": 3600,
    },
)

pulumi.export("machine", training.template.apply(lambda template: template.machine))
