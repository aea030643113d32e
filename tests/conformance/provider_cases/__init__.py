"""One case per resource type: what it is made of, how it changes in place and by replacement, and how it drifts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.conformance.provider_cases.world import World

Args = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """How to take one type through its life.

    Attributes:
        token: the type.
        args: its first inputs.
        change: inputs that change in place; empty where the type knows no update.
        replace: inputs that need a new resource.
        drift: changes the live resource behind Pulumi's back, given its outputs.
        drifts: the property that the drift must show.
        stays: why something is left after the deletion, where the real type leaves it.
        lacking: what the local cloud does not implement yet, so that the type cannot be deleted there; else empty.
        imported_without: inputs that the cloud does not give back, so that an import cannot know them.
    """

    token: str
    args: Args
    change: Args
    replace: Args
    drift: Callable[[World, Args], Any]
    drifts: str
    stays: str = ""
    lacking: str = ""
    imported_without: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The logical name of the case's resource."""
        return self.token.split(":")[-1].lower() + "-" + self.token.split(":")[1].split("/")[0]


def all_cases(world: World) -> list[Case]:
    """Every case; building them makes what they need in the cloud."""
    from tests.conformance.provider_cases import iam, other, s3, sagemaker

    return [case for module in (iam, s3, other, sagemaker) for case in module.cases(world)]


def tokens() -> list[str]:
    """The tokens of every case, without a cloud."""
    from tests.conformance.provider_cases import iam, other, s3, sagemaker

    return [token for module in (iam, s3, other, sagemaker) for token in module.TOKENS]
