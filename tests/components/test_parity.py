"""The parity matrix's own tests: each feature is provisioned on a cloud, or refused there before anything is made.

`python -m infra.reports.parity` runs this file, and writes docs/parity.md of what passed. A yes has its
`test_is_provisioned[<cloud>-<FEATURE>]`, a no its `test_is_refused[<cloud>-<FEATURE>]`.
"""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from components.errors import ConfigError
from components.features import LACKS, ROOT, Feature, asks, refused
from infra.program import define, read
from tests.components import parity_aws, parity_gcp
from tests.components.asking import asking, changes, without
from tests.components.configs import CLOUDS, environment
from tests.components.mocked import Declared, declare

SIGNS = {"aws": parity_aws.SIGNS, "gcp": parity_gcp.SIGNS}

Record = Callable[[str, object], None]


def cases(*, lacking: bool) -> list[Any]:
    """Each feature that a cloud lacks, or has; the ids are what the matrix names."""
    return [
        pytest.param(cloud, feature, id=f"{cloud}-{feature.name}")
        for feature in Feature
        for cloud in CLOUDS
        if (feature in LACKS[cloud]) == lacking
    ]


def asked_of(config: dict[str, Any]) -> set[Feature]:
    return {feature for feature, _ in asks(read(environment(config["stile:cloud"]), config))}


def provisioned(config: dict[str, Any]) -> Declared:
    """What the program declares for a configuration, under mocks; once for all features that share it."""
    return _provisioned(json.dumps(config, sort_keys=True))


@cache
def _provisioned(text: str) -> Declared:
    config = json.loads(text)
    stack = environment(config["stile:cloud"])
    return declare(lambda: define(stack, config), stack)


def counterpart(cloud: str, feature: Feature) -> Declared:
    """What is declared without the feature."""
    if (cloud, feature) == ("gcp", Feature.PUBLIC_NETWORK):  # no configuration can ask for the other one
        return parity_gcp.peered(provisioned(asking(feature, cloud)))
    return provisioned(without(feature, cloud))


@pytest.mark.parametrize(("cloud", "feature"), cases(lacking=False))
def test_is_provisioned(cloud: str, feature: Feature) -> None:
    """What makes the feature is declared where it is asked for, and is not where it is missing."""
    config, sign = asking(feature, cloud), SIGNS[cloud][feature]
    assert feature in asked_of(config)
    assert sign.look(provisioned(config)) == sign.shows
    assert sign.look(counterpart(cloud, feature)) != sign.shows  # or it would say nothing of the feature


@pytest.mark.parametrize(("cloud", "feature"), cases(lacking=True))
def test_is_refused(cloud: str, feature: Feature, record_property: Record) -> None:
    """Where it is asked for and nowhere else, with a way out, and before anything is made."""
    declared, config = Declared(), asking(feature, cloud)
    with pytest.raises(ConfigError) as raised:
        declare(lambda: define(environment(cloud), config), environment(cloud), declared)
    (problem,) = raised.value.problems
    assert problem.path.startswith(tuple(f"{ROOT}.{path.replace('/', '.')}" for path in changes(feature, cloud)))
    assert problem.value
    assert not {"{", "}"} & {*problem.fix, *problem.allowed}  # every place to fill in was filled in
    assert declared.resources == []
    assert feature not in asked_of(without(feature, cloud))  # the same without it is taken
    record_property("path", problem.path)
    record_property("fix", problem.fix)


def test_a_feature_is_provisioned_or_lacked_for_a_reason(cloud: str) -> None:
    """A new feature needs a sign on each cloud, or a reason and a way out; what is no longer lacked needs a sign."""
    assert SIGNS[cloud].keys() == set(Feature) - LACKS[cloud].keys()
    assert [feature for feature, lack in LACKS[cloud].items() if not (lack.reason and lack.fix)] == []


def test_the_whole_configuration_asks_for_nothing_that_a_cloud_lacks(cloud: str) -> None:
    """So that each refusal is about its own feature alone."""
    assert list(refused(read(environment(cloud), without(Feature.EMAILS, cloud)))) == []


def test_every_cloud_says_what_it_lacks() -> None:
    assert LACKS.keys() == SIGNS.keys() == set(CLOUDS)


def test_the_rows_read_differently() -> None:
    assert len({feature.value for feature in Feature}) == len(Feature)
