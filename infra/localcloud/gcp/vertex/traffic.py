"""The traffic split of an endpoint: what may stand in it, and whom a request goes to."""

import random
from collections.abc import Iterable, Mapping

from infra.localcloud.gcp.errors import Json, invalid
from infra.localcloud.jobs.variants import choose

WHOLE = 100
# Under this key a deployment gives the share of the model that is just being deployed.
NEW = "0"
_RANDOM = random.Random()  # noqa: S311 - it spreads load


def check_split(split: Mapping[str, int], deployed: Iterable[str], field: str = "trafficSplit") -> None:
    """Raise INVALID_ARGUMENT for a split that is not 100 in all, or names what is not deployed; none at all is fine.

    Source: the description of Endpoint.trafficSplit in the discovery document.
    """
    known = set(deployed)
    for name, share in split.items():
        if name not in known:
            raise invalid(f"The DeployedModel ID {name} in the traffic split is not deployed.", field=f"{field}.{name}")
        if not 0 <= share <= WHOLE:
            raise invalid(f"Traffic split percentages must be within 0 and 100, not {share}.", field=f"{field}.{name}")
    if split and sum(split.values()) != WHOLE:
        raise invalid(f"Traffic split percentages must add up to 100, not {sum(split.values())}.", field=field)


def choice(endpoint: Json) -> str | None:
    """Return the id of the deployed model that gets the next request; None where none gets any."""
    shares = [(name, float(share)) for name, share in endpoint.get("trafficSplit", {}).items() if share]
    return choose(shares, _RANDOM) if shares else None
