"""How a job shows MLflow on Cloud Run who it is: by an identity token of its service account, renewed before it ends.

Cloud Run asks for a token made out to the service's own address. MLflow's client sends what MLFLOW_TRACKING_TOKEN
holds, which it reads for each request. SageMaker's MLflow needs none of this: its plugin signs requests.

Source: https://cloud.google.com/run/docs/authenticating/service-to-service
"""

import os
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ml_jobs.errors import JobError

TOKEN = "MLFLOW_TRACKING_TOKEN"  # noqa: S105 - the variable's name
# Whoever sets one of these has another way in.
OTHER_WAYS = (TOKEN, "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_AUTH")
CLOUD_RUN = ".run.app"
LOCAL = ("STILE_GCP_ENDPOINT", "GCE_METADATA_HOST")
"""A job has both on the local Google Cloud, where a service of Cloud Run is a port of this machine."""
SPARE = timedelta(minutes=5)


def authorize(uri: str) -> None:
    """Let MLflow's client send a valid token to a tracking server on Cloud Run; nothing for any other server.

    Raises:
        JobError: there is no identity to make a token of.
    """
    parts = urlsplit(uri)
    if not _is_cloud_run(parts):
        return
    ours = os.environ.get(TOKEN) in _OURS
    if not ours and any(os.environ.get(name) for name in OTHER_WAYS):
        return
    os.environ[TOKEN] = _token(f"{parts.scheme}://{parts.netloc}")
    _OURS.add(os.environ[TOKEN])


_OURS: set[str] = set()
"""The tokens that we put there, and may replace."""


def _is_cloud_run(parts: SplitResult) -> bool:
    if all(os.environ.get(name) for name in LOCAL):
        return parts.hostname == "127.0.0.1"
    return parts.scheme == "https" and (parts.hostname or "").endswith(CLOUD_RUN)


def _token(audience: str) -> str:
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request

    try:
        credentials = _credentials(audience)
        if credentials.token is None or credentials.expiry - datetime.now(UTC).replace(tzinfo=None) < SPARE:
            credentials.refresh(Request())
    except GoogleAuthError as error:
        raise JobError(f"MLflow at {audience} wants an identity token, and there is no identity: {error}") from error
    return str(credentials.token)


@cache
def _credentials(audience: str) -> Any:
    from google.oauth2.id_token import fetch_id_token_credentials

    return fetch_id_token_credentials(audience)  # type: ignore[no-untyped-call]
