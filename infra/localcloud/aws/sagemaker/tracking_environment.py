"""How a container finds the MLflow server that its environment names by ARN."""

from collections.abc import Mapping

from infra.localcloud.aws.sagemaker.store import store_of

ARN_PARTS = 6


def tracking_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a container gets besides its own environment: where the server of MLFLOW_TRACKING_URI answers.

    MLflow's plugin for such ARNs asks SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT first. Nothing is returned for another kind
    of URI, or for a server that does not run.
    """
    url = _endpoint(environment.get("MLFLOW_TRACKING_URI", ""))
    return {"SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT": url} if url else {}


def _endpoint(arn: str) -> str | None:
    parts = arn.split(":")
    if len(parts) != ARN_PARTS or parts[2] != "sagemaker":
        return None
    records = store_of(account_id=parts[4], region=parts[3])
    found = records.mlflow_apps.find(arn) or records.mlflow_servers.find(arn)
    return str(found.server.url) if found and found.server else None
