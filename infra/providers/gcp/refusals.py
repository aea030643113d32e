"""What leads the stand-in for Google Cloud past the local cloud, or is a real account's: told from variables."""

from collections.abc import Iterator, Mapping

from infra.guards import is_loopback
from infra.providers.gcp.cloud import ENDPOINT, TOKEN

LOCAL_TOKEN = "test"  # noqa: S105 - what every local cloud takes
CREDENTIALS = frozenset({"accessToken", "credentials", "impersonateServiceAccount", "externalCredentials"})
"""The provider's inputs that name an account."""
# Each names a person's or a service account's own credentials.
# Source: https://www.pulumi.com/registry/packages/gcp/installation-configuration (environment variables)
ACCOUNTS = (
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CREDENTIALS",
    "GOOGLE_CLOUD_KEYFILE_JSON",
    "GCLOUD_KEYFILE_JSON",
    "GOOGLE_OAUTH_ACCESS_TOKEN",
    "GOOGLE_IMPERSONATE_SERVICE_ACCOUNT",
)
# Where the official provider and clients would go instead.
HOSTS = ("STORAGE_EMULATOR_HOST", "CLOUDSDK_API_ENDPOINT_OVERRIDES_")
OVERRIDE = "_CUSTOM_ENDPOINT"


def is_real(credentials: str) -> bool:
    """True for credentials that a real account may have given; those of local clouds are one fixed word."""
    return bool(credentials) and credentials != LOCAL_TOKEN


def against_local(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each variable with which a local environment would leave this machine, or use a real account; and why."""
    if not environ.get(ENDPOINT):
        yield ENDPOINT, f"{ENDPOINT} is not set"
    for name, url in sorted(environ.items()):
        leads = name == ENDPOINT or name.startswith(HOSTS) or (name.startswith("GOOGLE_") and name.endswith(OVERRIDE))
        if leads and url and not is_loopback(url if "://" in url else f"http://{url}"):
            yield name, f"{name}={url} does not lead to this machine"
    for name in ACCOUNTS:
        if is_real(environ.get(name, "")):
            yield name, f"{name} is a real account's"
    if is_real(environ.get(TOKEN, "")):
        yield TOKEN, f"{TOKEN} is a real account's"
