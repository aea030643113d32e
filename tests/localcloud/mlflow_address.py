"""Where a container reaches an MLflow server of the local cloud: through the permission gate."""

from urllib.parse import quote


def gate_address(cloud_url: str, arn: str) -> str:
    """The address that the cloud gives to containers for the App or tracking server of an ARN."""
    return f"{cloud_url}/_stile/mlflow/{quote(arn.replace('/', '~'), safe='')}"
