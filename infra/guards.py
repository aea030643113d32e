"""What keeps local environments and real accounts apart, judged from variables and files before anything is touched.

A local environment works with this machine's local cloud only, and never sees the user's own account. A real one
works with the vendor's plugins only: a stand-in in their place would find nothing in the local cloud, and empty the
real state at the next refresh.
"""

import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from infra.accounts import LOCAL_TOKEN
from infra.errors import WrongCloud

if TYPE_CHECKING:  # plugins import this, and must start fast
    from infra.environments import Environment

LOCAL_PREFIX = "local-"
ENDPOINT = "AWS_ENDPOINT_URL"  # alone for all services, with _S3 and the like for one
GOOGLE_ENDPOINT = "STILE_GCP_ENDPOINT"
# What else leads Google's clients somewhere: the provider, the storage client, gcloud, and the metadata server.
GOOGLE_ENDPOINTS = re.compile(
    r"STILE_GCP_ENDPOINT|STORAGE_EMULATOR_HOST|GOOGLE_\w+_CUSTOM_ENDPOINT|CLOUDSDK_API_ENDPOINT_OVERRIDES_\w+|"
    r"GCE_METADATA_(HOST|IP|ROOT)"
)
# Long-term and session keys of real accounts; the fixed keys of local clouds look otherwise.
# source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
REAL_KEY = re.compile(r"(AKIA|ASIA)[A-Z0-9]{12,}")
PROFILES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
# Where Google's clients and the provider find an account, in the order of the provider's documentation.
# source: https://cloud.google.com/docs/authentication/application-default-credentials and .../sdk/docs/properties
GOOGLE_ACCOUNTS = (
    "GOOGLE_CREDENTIALS",
    "GOOGLE_CLOUD_KEYFILE_JSON",
    "GCLOUD_KEYFILE_JSON",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_IMPERSONATE_SERVICE_ACCOUNT",
    "CLOUDSDK_CORE_ACCOUNT",
    "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT",
)
GOOGLE_TOKENS = ("GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_AUTH_ACCESS_TOKEN")
# What names an account, or leads to one; the variables of the local clouds' own accounts are among them.
ACCOUNT = ("AWS_", "GOOGLE_", "GCLOUD_", "CLOUDSDK_", "GCE_", "NO_GCE_CHECK", "STORAGE_EMULATOR_", GOOGLE_ENDPOINT)
# Settings of a machine, not of an account.
HARMLESS = (
    "AWS_CA_BUNDLE",
    "AWS_PAGER",
    "AWS_CLI_AUTO_PROMPT",
    "AWS_DEFAULT_OUTPUT",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
    "CLOUDSDK_PYTHON",
)
IGNORING = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"
# What starts our stand-ins, as infra.providers.install writes it.
STAND_IN = b"infra.providers."
SCRIPT_BYTES = 4096
PLUGIN = "pulumi-resource-*"
# Where a URL's host ends is read differently by different programs if one of these is in it.
AMBIGUOUS = re.compile(r"[\\@\s]")


def is_loopback(url: str) -> bool:
    """True if a URL leads to this machine, whoever reads it."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or AMBIGUOUS.search(url):
        return False
    if parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        return False


def is_local(stack: str) -> bool:
    """True for the stack of a local environment."""
    return stack.startswith(LOCAL_PREFIX)


def is_real_key(key: str) -> bool:
    """True for an access key's id that a real account may have given."""
    return REAL_KEY.fullmatch(key) is not None


def against_local(environ: Mapping[str, str], cloud: str = "aws") -> Iterator[tuple[str, str]]:
    """Yield each variable with which a local environment would leave this machine, or use a real account; and why.

    A cloud that there is none of, which its own check refuses by name, is judged as AWS.
    """
    yield from _AGAINST_LOCAL.get(cloud, _against_local_aws)(environ)


def _against_local_aws(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if not environ.get(ENDPOINT):
        yield ENDPOINT, f"{ENDPOINT} is not set"
    for name, url in sorted(environ.items()):
        if name.startswith(ENDPOINT) and url and not is_loopback(url):
            yield name, f"{name}={url} does not lead to this machine"
    if environ.get(IGNORING, "").lower() == "true":
        yield IGNORING, f"{IGNORING} leads past the local cloud"
    if is_real_key(environ.get("AWS_ACCESS_KEY_ID", "")):
        yield "AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID is a real account's"
    for name in PROFILES:
        if environ.get(name):
            yield name, f"{name}={environ[name]} names an account of yours"


def _against_local_gcp(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if not environ.get(GOOGLE_ENDPOINT):
        yield GOOGLE_ENDPOINT, f"{GOOGLE_ENDPOINT} is not set"
    for name, url in sorted(environ.items()):
        if GOOGLE_ENDPOINTS.fullmatch(name) and url and not is_loopback(_with_scheme(url)):
            yield name, f"{name}={url} does not lead to this machine"
    for name in GOOGLE_TOKENS:
        if environ.get(name) and environ[name] != LOCAL_TOKEN:
            yield name, f"{name} is a real account's"
    for name in GOOGLE_ACCOUNTS:
        if environ.get(name):
            yield name, f"{name} names an account of yours"


_AGAINST_LOCAL = {"aws": _against_local_aws, "gcp": _against_local_gcp}


def _with_scheme(address: str) -> str:
    """Some of Google's clients take a host without a scheme."""
    return address if "://" in address else f"http://{address}"


def _leads_to_local(name: str, url: str) -> bool:
    """True for the address of a local cloud, of whichever vendor's services."""
    is_endpoint = name.startswith(ENDPOINT) or GOOGLE_ENDPOINTS.fullmatch(name)
    return bool(is_endpoint and url and is_loopback(_with_scheme(url)))


def against_real(environment: "Environment", environ: Mapping[str, str]) -> Iterator[str]:
    """Yield why a real environment must not work with these variables: they are a local one's, or lead to stand-ins."""
    for name, url in sorted(environ.items()):
        if _leads_to_local(name, url):
            yield f"{name}={url} leads to a local cloud"
    if environ.get("PULUMI_BACKEND_URL", "").startswith(environment.backend_dir.as_uri()):
        yield f"PULUMI_BACKEND_URL is the state of local environments, {environment.backend_dir}"
    for path in stand_ins(environ):
        yield f"{path} is a stand-in for the vendor's plugin"


def stand_ins(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield our stand-ins that the CLI could take: in PULUMI_HOME's plugins, and on PATH."""
    home = Path(environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    folders = [Path(folder) for folder in environ.get("PATH", "").split(os.pathsep) if folder]
    found = [*home.glob(f"plugins/resource-*/{PLUGIN}"), *(one for folder in folders for one in folder.glob(PLUGIN))]
    yield from (path for path in sorted(set(found)) if is_stand_in(path))


def is_stand_in(path: Path) -> bool:
    """True for a script that starts one of our stand-ins."""
    try:
        with path.open("rb") as script:
            return STAND_IN in script.read(SCRIPT_BYTES)
    except OSError:  # not for us to read, and so not for the CLI to run
        return False


def require_own_cloud(environment: "Environment", environ: Mapping[str, str]) -> None:
    """Refuse a real environment that would meet a local cloud, or a stand-in.

    Raises:
        WrongCloud: it would; nothing was touched.
    """
    if environment.is_local:
        return
    reasons = list(against_real(environment, environ))
    if reasons:
        raise WrongCloud(
            "\n  ".join([f"{environment.name} is a real environment, and nothing was changed:", *reasons]),
            path=str(environment.config_path),
            fix="open a new shell, one without `stile env` of a local environment; a stand-in elsewhere must go",
        )


def foreign(environ: Mapping[str, str]) -> list[str]:
    """Return the variables of the user's own accounts, which no process of a local environment may see."""
    return sorted(name for name in environ if name.startswith(ACCOUNT) and name not in HARMLESS)
