"""Configuration in, Spec out, or one ConfigError that holds every problem at once."""

import copy
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from components import clouds
from components.checks import Known, check
from components.errors import ConfigError, Problem
from components.problems import Location, location_of, problems_of
from components.spec import Spec

_KEYS = {
    "cloud": "stile:cloud",
    "platform": "stile:platform",
    "google": "stile:gcp",
    "environment": "the stack's name",
}


def parse(environment: str, config: Mapping[str, object], known: Known) -> Spec:
    """Return the Spec of a stack's configuration.

    `config` has the keys as the stack's file spells them: stile:cloud, stile:platform, aws:region; on Google Cloud
    stile:gcp, gcp:project and gcp:region.
    Raises ConfigError with every problem: those of single values and, as far as what is left can be judged, those
    of combinations.
    """
    cloud = clouds.of(config.get("stile:cloud"))
    raw = {
        "environment": environment,
        "cloud": config.get("stile:cloud"),
        "region": config.get(cloud.region_key, cloud.default_region),
        "project": config.get(cloud.project_key) if cloud.project_key else None,
        "google": config.get("stile:gcp"),
        "platform": config.get("stile:platform"),
    }
    keys = {**_KEYS, "region": cloud.region_key, "project": cloud.project_key or "gcp:project"}
    problems = _unknown_top_keys(config)
    spec, found = _validated({key: value for key, value in raw.items() if value is not None}, keys)
    problems += found
    if spec is not None:
        taken = [problem.path for problem in found]
        problems += [problem for problem in check(spec, known) if not _already_told(problem.path, taken)]
    if problems:
        raise ConfigError(tuple(problems))
    assert spec is not None  # noqa: S101 - without problems there is a Spec
    return spec


def _unknown_top_keys(config: Mapping[str, object]) -> list[Problem]:
    known = ("stile:cloud", "stile:gcp", "stile:platform")
    return [
        Problem(key, "", "one of the keys " + ", ".join(known), f"remove `{key}`")
        for key in config
        if key.startswith("stile:") and key not in known
    ]


def _validated(raw: dict[str, Any], keys: Mapping[str, str]) -> tuple[Spec | None, list[Problem]]:
    """Validate, and validate again without what was wrong, so that combinations of the rest are judged too."""
    try:
        return Spec.model_validate(raw), []
    except ValidationError as error:
        found = problems_of(error, Spec, keys)
        locations = [location_of(detail) for detail in error.errors()]
    rest = copy.deepcopy(raw)
    for _ in range(8):  # each round takes away at least one more level, and no configuration is deeper
        for location in locations:
            _remove(rest, location)
        try:
            return Spec.model_validate(rest), found
        except ValidationError as error:
            locations = [location_of(detail)[:-1] for detail in error.errors()]
    return None, found


def _remove(config: dict[str, Any], location: Location) -> None:
    """Take the value at a location away; an item of a list goes with its list, to keep the others' places."""
    current: Any = config
    for part in location[:-1]:
        following = current.get(part) if isinstance(current, dict) else None
        if not isinstance(following, dict):
            if isinstance(current, dict):
                current.pop(part, None)
            return
        current = following
    if location:
        current.pop(location[-1], None)


def _already_told(path: str, told: list[str]) -> bool:
    return any(path == one or path.startswith((f"{one}.", f"{one}[")) or one.startswith(f"{path}.") for one in told)
