"""SageMaker as one LocalStack service, composed of the modules beside this one."""

from localstack.services.plugins import Service

from infra.localcloud.aws.operations import compose
from infra.localcloud.aws.sagemaker import (
    endpoint_configs,
    endpoints,
    mlflow_apps,
    mlflow_tracking_servers,
    models,
    package_groups,
    packages,
    pipelines,
    processing,
    tagging,
    training,
)

PARTS = (
    endpoint_configs,
    endpoints,
    mlflow_apps,
    mlflow_tracking_servers,
    models,
    package_groups,
    packages,
    pipelines,
    processing,
    tagging,
    training,
)


def service() -> Service:
    """Build the service; called once, at the first request."""
    return compose("sagemaker", [part.OPERATIONS for part in PARTS])
