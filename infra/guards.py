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

from infra.errors import WrongCloud

if TYPE_CHECKING:  # plugins import this, and must start fast
    from infra.environments import Environment

LOCAL_PREFIX = "local-"
ENDPOINT = "AWS_ENDPOINT_URL"  # alone for all services, with _S3 and the like for one
# Long-term and session keys of real accounts; the fixed keys of local clouds look otherwise.
# source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
REAL_KEY = re.compile(r"(AKIA|ASIA)[A-Z0-9]{12,}")
PROFILES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
# Settings of a machine, not of an account.
HARMLESS = ("AWS_CA_BUNDLE", "AWS_PAGER", "AWS_CLI_AUTO_PROMPT", "AWS_DEFAULT_OUTPUT")
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


def against_local(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each variable with which a local environment would leave this machine, or use a real account; and why."""
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


def against_real(environment: "Environment", environ: Mapping[str, str]) -> Iterator[str]:
    """Yield why a real environment must not work with these variables: they are a local one's, or lead to stand-ins."""
    for name, url in sorted(environ.items()):
        if name.startswith(ENDPOINT) and url and is_loopback(url):
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
    """Return the variables of the user's own AWS account, which no process of a local environment may see."""
    return sorted(name for name in environ if name.startswith("AWS_") and name not in HARMLESS)
