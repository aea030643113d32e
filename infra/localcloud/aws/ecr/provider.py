"""ECR as one LocalStack service."""

from localstack.services.plugins import Service

from infra.localcloud.aws.ecr import images, repositories
from infra.localcloud.aws.operations import compose


def service() -> Service:
    """Build the service; called once, at the first request."""
    return compose("ecr", [images.OPERATIONS, repositories.OPERATIONS])
