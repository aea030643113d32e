"""A pipeline alone: the value chain of one use case, over a bucket, roles and an image that exist."""

import pulumi

from components.naming import Naming
from components.pipeline.aws import AwsPipeline
from components.training import JobTemplate

naming = Naming("example", pulumi.get_stack(), "data-team")
template = JobTemplate(
    image_uri="123456789012.dkr.ecr.us-east-1.amazonaws.com/jobs@sha256:" + "1" * 64,
    role="arn:aws:iam::123456789012:role/our-jobs",
    key="arn:aws:kms:us-east-1:123456789012:key/our-key",
    machine="ml.m5.large",
    processing_machine="ml.m5.large",
    max_seconds=3600,
)
pipeline = AwsPipeline(
    naming.of("churn"),
    {
        "naming": naming,
        "model": "churn",
        "use_case": "churn",
        "candidates": ["logistic", "forest"],
        "template": template,
        "data_uri": "s3://our-bucket",
        "role": "arn:aws:iam::123456789012:role/our-pipelines",
        "group": "our-group",
    },
)

pulumi.export("pipeline", pipeline.name)
