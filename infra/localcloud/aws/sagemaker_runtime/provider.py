"""SageMaker's runtime as one LocalStack service."""

from localstack.services.plugins import Service

from infra.localcloud.aws.operations import compose
from infra.localcloud.aws.sagemaker_runtime import invocation


def service() -> Service:
    """Build the service; called once, at the first request."""
    return compose("sagemaker-runtime", [invocation.OPERATIONS])
