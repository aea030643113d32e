"""The same definition on another cloud: what of its configuration says where it stands, and what forbids it there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from components.clouds import CLOUDS
from components.features import Feature, asks
from components.machines import machine_types
from components.spec import Spec
from infra.errors import ConfigError, Problem

DEFINITION = "stile:platform"

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "aws": {"aws:region": CLOUDS["aws"].default_region},
    "gcp": {
        "gcp:region": CLOUDS["gcp"].default_region,
        "gcp:project": "any-project",
        "stile:gcp": {"project_number": "100000000000", "billing_account": "000000-000000-000000"},
    },
}
"""Where an environment stands that no file describes: no price depends on a project or an account."""

EXISTING = (Feature.EXISTING_ROLES, Feature.EXISTING_KEY, Feature.EXISTING_REPOSITORY)
"""What exists already and is named in one cloud's own way; a bucket's name and an MLflow's URL do on both."""


@dataclass(frozen=True)
class Place:
    """Where the definition is put.

    Attributes:
        environment: the name of the environment there.
        file: the file that says where that is; empty for the defaults.
        config: the configuration.
    """

    environment: str
    file: str
    config: Mapping[str, Any]


def sibling(environment: str, cloud: str, other: str) -> str | None:
    """Return what an environment is called on another cloud, as local-aws is local-gcp there; None without the word."""
    words = environment.split("-")
    return "-".join(other if word == cloud else word for word in words) if cloud in words else None


def moved(config: Mapping[str, Any], cloud: str, place: Place | None, environment: str) -> Place:
    """Return a configuration with the same definition on another cloud.

    Args:
        config: the configuration as it is.
        cloud: the other cloud.
        place: the sibling there, whose region, project and account are taken; None for the defaults.
        environment: the environment's own name, for want of a sibling's.
    """
    found = place or Place(environment, "", DEFAULTS[cloud])
    return replace(found, config={**found.config, "stile:cloud": cloud, DEFINITION: config.get(DEFINITION)})


def refusal(spec: Spec, cloud: str, place: Place, error: ConfigError) -> ConfigError:
    """Return why a definition cannot stand on another cloud too, in words for one who wants to compare.

    Args:
        spec: the definition on its own cloud.
        cloud: the other one.
        place: where it was put there.
        error: what the check of the other cloud said.
    """
    own = dict(_of_one_cloud(spec, cloud))
    return ConfigError(tuple(own.get(one.path) or _put(one, cloud, place) for one in error.problems))


def _of_one_cloud(spec: Spec, cloud: str) -> Iterator[tuple[str, Problem]]:
    """Yield by its path what only one cloud has a name for: written as the other wants it, its own would refuse it."""
    sizes = {one.type: f"{{cpus: {one.cpus}, memory_gib: {one.memory_gib:g}}}" for one in machine_types(spec.cloud)}
    for feature, asked in asks(spec):
        if feature is Feature.MACHINE_BY_TYPE:
            need = sizes.get(asked.value, "{cpus: ..., memory_gib: ...}")
            allowed = f"a need, where clouds are compared: {cloud} has no {asked.value}"
            yield asked.path, Problem(asked.path, asked.value, allowed, f"say the need instead: {need}")
        elif feature in EXISTING:
            allowed = f"nothing, where clouds are compared: what exists on {spec.cloud} has no name on {cloud}"
            fix = "compare a copy of the environment without it: each cloud makes its own there"
            yield asked.path, Problem(asked.path, asked.value, allowed, fix)


def _put(problem: Problem, cloud: str, place: Place) -> Problem:
    """Say of which cloud and which file a problem is."""
    told = f"on {cloud}"
    allowed = problem.allowed if told in problem.allowed else f"{problem.allowed} {told}"
    is_here = not place.file or problem.path.startswith(DEFINITION)
    return replace(problem, path=problem.path if is_here else f"{place.file}: {problem.path}", allowed=allowed)
