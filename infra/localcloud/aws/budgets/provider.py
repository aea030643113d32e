"""Budgets as one LocalStack service; all its own, since moto has neither updates, subscribers nor tags."""

from localstack.services.plugins import Service

from infra.localcloud.aws.budgets import operations
from infra.localcloud.aws.operations import compose


def service() -> Service:
    """Build the service; called once, at the first request."""
    return compose("budgets", [operations.OPERATIONS])
