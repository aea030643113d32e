"""How a container finds the MLflow server that its environment names by ARN."""

import os
from collections.abc import Mapping

from infra.localcloud.aws.sagemaker import mlflow_gate
from infra.localcloud.aws.sagemaker.store import store_of

ARN_PARTS = 6


def tracking_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a container gets besides its own environment: where the server of MLFLOW_TRACKING_URI answers.

    MLflow's plugin for such ARNs asks SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT first. Nothing is returned for another kind
    of URI, or for a server that does not run. The way there leads through the permission gate.
    """
    arn = environment.get("MLFLOW_TRACKING_URI", "")
    if not _runs(arn):
        return {}
    return {"SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT": mlflow_gate.address(os.environ["AWS_ENDPOINT_URL"], arn)}


def _runs(arn: str) -> bool:
    parts = arn.split(":")
    if len(parts) != ARN_PARTS or parts[2] != "sagemaker":
        return False
    records = store_of(account_id=parts[4], region=parts[3])
    found = records.mlflow_apps.find(arn) or records.mlflow_servers.find(arn)
    return bool(found and found.server)
