"""ECR as one LocalStack service."""

from localstack.services.plugins import Service

from infra.localcloud.aws.operations import compose


def service() -> Service:
    """Build the service; called once, at the first request."""
    return compose("ecr", [])
