"""What exists in a cloud with an environment's tags, whether the state knows it or not; types and dispatch."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from infra.engine.session import Session
from infra.errors import ProvisioningError

# cloud -> dotted name of the module that has a function `listed`
CLOUDS = {"aws": "infra.drift.existing_aws", "gcp": "infra.drift.existing_gcp"}
STACK_TAG, ENVIRONMENT_TAG = "stile-stack", "stile-environment"


@dataclass(frozen=True)
class Thing:
    """Something in a cloud.

    Attributes:
        type: the token of the type that Pulumi has for it.
        id: as that type has it.
        kept: why it may be there without being in the state; empty if it may not.
        stays: whether no `destroy` can delete it.
    """

    type: str
    id: str
    kept: str = ""
    stays: bool = False


def existing(session: Session) -> list[Thing]:
    """Return what has the tags of an environment, by type and id.

    Raises:
        CloudError: the cloud refuses or does not answer.
    """
    wanted = tags_of(session)
    things: list[Thing] = import_module(CLOUDS[session.environment.cloud]).listed(session, wanted)
    return sorted(things, key=lambda one: (one.type, one.id))


def tags_of(session: Session) -> Mapping[str, str]:
    """Return the tags that only this environment's resources have.

    Raises:
        ProvisioningError: the configuration names no platform.
    """
    from infra.environments import read_config

    name = session.environment.name
    platform: Any = read_config(session.environment.config_path).get("stile:platform")
    if not isinstance(platform, Mapping) or not platform.get("name"):
        raise ProvisioningError(f"{session.environment.config_path} names no platform", fix="./stile preview " + name)
    return {STACK_TAG: f"{platform['name']}-{name}", ENVIRONMENT_TAG: name}
