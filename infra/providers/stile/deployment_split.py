"""Traffic splits of an endpoint: id of a deployed model -> whole percent; what stands between two of them."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final

Split = Mapping[str, int]
WHOLE: Final = 100


def scaled(split: Split, total: int) -> dict[str, int]:
    """Return shares in the proportions of a split that add up to a total; ids without a share are left out.

    What remains after rounding down goes to those that lost the most, the earlier ids first.
    """
    whole = sum(split.values())
    if whole == 0:
        return {}
    shares = {id_: share * total // whole for id_, share in split.items()}
    lost = sorted(split, key=lambda id_: (-(split[id_] * total % whole), id_))
    for id_ in lost[: total - sum(shares.values())]:
        shares[id_] += 1
    return {id_: share for id_, share in shares.items() if share}


def without(split: Split, leaving: str) -> dict[str, int]:
    """Return a split in which the others have taken over a model's share; empty if there are none."""
    return scaled({id_: share for id_, share in split.items() if id_ != leaving}, WHOLE)


def canary(before: Split, asked: Split, percent: int | None) -> dict[str, int] | None:
    """Return the split under which models that had no share are watched; None if they take all of theirs at once."""
    fresh = {id_: share for id_, share in asked.items() if id_ not in before}
    if percent is None or not fresh or not before or sum(fresh.values()) <= percent:
        return None
    return {**scaled(before, WHOLE - percent), **scaled(fresh, percent)}


def before(live: Split, asked: Split, fresh: AbstractSet[str], recorded: Split, deployed: AbstractSet[str]) -> Split:
    """Return the split that an update goes back to when it fails; empty if there is none.

    It is the live one, unless an earlier attempt changed that already: then the one that was recorded, as long as its
    models are deployed, else what the others had.

    Args:
        live: the split now.
        asked: the split that the update asks for.
        fresh: models that this update deploys, or an earlier attempt did.
        recorded: the split in the state.
        deployed: all models at the endpoint.
    """
    if live and live != asked and not live.keys() & fresh:
        return live
    if recorded and recorded.keys() <= deployed:
        return recorded
    return scaled({id_: share for id_, share in live.items() if id_ not in fresh}, WHOLE)
