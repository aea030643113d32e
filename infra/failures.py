"""What a failed `up` says beside the engine's words: what was asked, what is live, what the endpoint logged last."""

import re
from collections.abc import Iterator, Sequence

from infra import standing
from infra.clouds import Cloud, connect
from infra.engine import Outcome, Session, Watch, up
from infra.environments import read_config
from infra.errors import CloudError, ProvisioningError
from infra.runs import LAST_LINES

# How the engine's failures name an endpoint, and what makes or checks that it serves what was asked; each with the
# ending that its name has beside the endpoint's. Cloud by cloud.
PATTERNS = {
    "aws": (
        re.compile(r"aws:sagemaker/endpoint:Endpoint (?P<name>[^\s:]+): "),
        re.compile(r"stile:endpoint:Live (?P<name>[^\s:]+)-live: "),
    ),
    "gcp": (
        re.compile(r"gcp:vertex/aiEndpoint:AiEndpoint (?P<name>[^\s:]+): "),
        re.compile(r"stile:endpoint:EndpointDeployment (?P<name>[^\s:]+)-deployment: "),
    ),
}


def provision(session: Session, watch: Watch) -> Outcome:
    """Make the environment what its configuration says.

    Raises:
        ProvisioningError: something failed; for an endpoint with what is live, its last log lines and the way to all.
    """
    try:
        return up(session, watch)
    except ProvisioningError as error:
        endpoints = failed_endpoints(session.environment.cloud, error.message)
        if not endpoints:
            raise
        raise explained(session, error, endpoints) from error


def failed_endpoints(cloud: str, message: str) -> list[str]:
    """Return the names of the endpoints that an update's failures are about."""
    found = [match["name"] for pattern in PATTERNS[cloud] for match in pattern.finditer(message)]
    return list(dict.fromkeys(found))


def explained(session: Session, error: ProvisioningError, endpoints: Sequence[str]) -> ProvisioningError:
    """Add to an update's failure what the cloud says about its endpoints; if the cloud is silent, that."""
    name = session.environment.name
    try:
        cloud = connect(session.environment.cloud, session.variables())
        added = [line for endpoint in endpoints for line in _about(session, cloud, endpoint, error.message)]
    except CloudError as silent:
        added = [f"what is live is not known: {silent.message}"]
    return ProvisioningError(
        "\n".join([error.message, *added]),
        path=error.path,
        fix=f"the whole log: ./stile logs {endpoints[0]} {name}; to go back, revert the release in the config",
    )


def _about(session: Session, cloud: Cloud, endpoint: str, said: str) -> Iterator[str]:
    full_name = cloud.find_endpoint(endpoint)
    live = cloud.live(full_name) if full_name else None
    asked = _asked(session, endpoint)
    if asked is not None:
        yield f"{endpoint}: asked for version {asked.version} (sha256 {asked.sha256[:12]})"
    if live is None:
        yield f"{endpoint}: nothing is live, there is no such endpoint"
    elif not live.config:
        yield f"{endpoint}: nothing is live, its status is {live.status}"
    else:
        reason = f"; {live.reason}" if live.reason and live.reason not in said else ""
        serving = "live is" if live.is_serving else "last asked for was"
        yield f"{endpoint}: {serving} {standing.told(live)} by {live.config}, its status is {live.status}{reason}"
    lines = cloud.log(f"endpoint/{full_name}").last_words(LAST_LINES) if full_name else []
    if lines:
        yield f"the last lines of its newest container ({len(lines)}):"
        yield from (f"  {line}" for line in lines)


def _asked(session: Session, endpoint: str) -> standing.Release | None:
    """The release that the config names for the model of an endpoint, whose name ends the endpoint's."""
    released = standing.releases(read_config(session.environment.config_path))
    return next((release for model, release in released.items() if endpoint.endswith(f"-{model}")), None)
