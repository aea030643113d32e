"""What processes of a local environment see in place of the user's own account, cloud by cloud."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

LOCAL_PROJECT = "stile-local"
"""The project of the local Google Cloud."""
LOCAL_TOKEN = "test"  # noqa: S105 - anyone's, in a cloud that knows no people

# The official provider's options for its services' addresses, as variables, and the path below which it asks each.
# All those that our resource types need; one that is not set means Google's own host.
# source: the provider's own guide "Google Provider Configuration Reference", custom endpoints; which of them a type
# asks was seen on the wire for service accounts (iam_beta), keys, buckets, repositories, endpoints, topics and alerts.
PROVIDER_PATHS = {
    "ARTIFACT_REGISTRY": "/v1/",
    "BILLING": "/v1/",
    "CLOUD_RUN_V2": "/v2/",
    "CLOUD_SCHEDULER": "/v1/",
    "COMPUTE": "/compute/v1/",
    "IAM": "/v1/",
    "IAM_BETA": "/v1/",
    "IAM_CREDENTIALS": "/v1/",
    "KMS": "/v1/",
    "LOGGING": "/v2/",
    "MONITORING": "/",
    "PUBSUB": "/v1/",
    "RESOURCE_MANAGER": "/v1/",
    "RESOURCE_MANAGER_V3": "/v3/",
    "SECRET_MANAGER": "/v1/",
    "SERVICE_USAGE": "/v1/",
    "SQL": "/sql/v1beta4/",
    "STORAGE": "/storage/v1/",
    "VERTEX_AI": "/v1/",
}


def _aws(endpoint_url: str, _state_dir: Path) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        # Nothing of the user's own settings: no profile, endpoint or role of theirs.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _gcp(endpoint_url: str, state_dir: Path) -> dict[str, str]:
    return {
        "STILE_GCP_ENDPOINT": endpoint_url,
        "STORAGE_EMULATOR_HOST": endpoint_url,
        **{f"GOOGLE_{name}_CUSTOM_ENDPOINT": f"{endpoint_url}{path}" for name, path in PROVIDER_PATHS.items()},
        "GOOGLE_CLOUD_PROJECT": LOCAL_PROJECT,
        "GOOGLE_CLOUD_LOCATION": "us-central1",
        "GOOGLE_OAUTH_ACCESS_TOKEN": LOCAL_TOKEN,
        "CLOUDSDK_AUTH_ACCESS_TOKEN": LOCAL_TOKEN,
        # Nothing of the user's own settings: no login, project or key of theirs, nor this machine's own account.
        "CLOUDSDK_CONFIG": str(state_dir / "gcloud"),
        "NO_GCE_CHECK": "true",
    }


PLACES: Mapping[str, Mapping[str, str]] = {
    "aws": {},
    "gcp": {"gcp:project": "GOOGLE_CLOUD_PROJECT", "gcp:region": "GOOGLE_CLOUD_LOCATION"},
}
"""Cloud -> key of a stack's file -> the variable by which the cloud's clients are told the same; on AWS an account's
credentials and their own settings say it."""

LOCAL_ACCOUNTS: Mapping[str, Callable[[str, Path], dict[str, str]]] = {"aws": _aws, "gcp": _gcp}
"""Cloud -> the variables of its local account, given the local cloud's address and the state directory."""
