"""Made names stay over updates, fit the service's limits, and follow the stack's configuration."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.providers.kit.naming import NameRule, autoname
from infra.providers.kit.resource import Autonaming, CheckCall

RULE = NameRule("name", max_length=20, lower=True)
CALL = CheckCall(urn="urn:x", name="Some-Thing", news={}, random_seed=b"seed")


@given(st.text("abcDEF-", min_size=1, max_size=60), st.binary(min_size=1))
def test_a_made_name_fits(name: str, seed: bytes) -> None:
    made = autoname(replace(CALL, name=name, random_seed=seed), RULE, was_automatic=False)
    assert made is not None
    assert len(made) <= 20
    assert made == made.lower()
    assert made.startswith(name.lower()[:12])


def test_the_engines_seed_decides() -> None:
    first, again = (autoname(CALL, RULE, was_automatic=False) for _ in range(2))
    other = autoname(replace(CALL, random_seed=b"other"), RULE, was_automatic=False)
    assert first == again != other


def test_an_old_made_name_is_kept_but_a_given_one_is_not() -> None:
    call = replace(CALL, olds={"name": "old-name"})
    assert autoname(call, RULE, was_automatic=True) == "old-name"
    assert autoname(call, RULE, was_automatic=False) != "old-name"


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (Autonaming.PROPOSE, "proposed-name-that-i"),
        (Autonaming.ENFORCE, "Proposed-Name-that-is-long"),
        (Autonaming.DISABLE, None),
    ],
)
def test_the_stacks_configuration_of_names_holds(mode: Autonaming, expected: str | None) -> None:
    call = replace(CALL, autonaming=mode, proposed_name="Proposed-Name-that-is-long")
    assert autoname(call, RULE, was_automatic=False) == expected
