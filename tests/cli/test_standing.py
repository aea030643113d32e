"""What is due, judged from what is released, live, registered and run."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from infra.clouds import Live, ModelVersion
from infra.standing import LastRun, Release, Standing, due, releases

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
OLD, NEW = "a" * 64, "b" * 64


def version(number: int, *, approved: bool = True) -> ModelVersion:
    return ModelVersion(number, approved, "why", OLD, {"candidate": "hgb"}, NOON)


RUN = LastRun("e1", "succeeded", NOON, None, None, "promoted hgb")
LIVE = Live(
    "p-flights",
    "InService",
    is_serving=True,
    is_steady=True,
    config="c-1",
    version=1,
    sha256=OLD,
    since=NOON,
    reason=None,
)
STEADY = Standing("flights", Release(1, OLD), LIVE, (version(2, approved=False), version(1)), RUN)


def commands(standing: Standing, *, among_several: bool = False) -> list[str]:
    return [one.command for one in due("dev", standing, among_several=among_several)]


def test_what_is_live_released_and_newest_leaves_nothing_to_do() -> None:
    """A newer version that govern rejected is no reason to release."""
    assert commands(STEADY) == []


@pytest.mark.parametrize(
    ("standing", "command", "why"),
    [
        (
            replace(STEADY, released=Release(2, NEW)),
            "./stile up dev",
            "releases version 2 of flights, version 1 is live",
        ),
        (replace(STEADY, released=Release(1, NEW)), "./stile up dev", "another file: aaaaaaaaaaaa, not bbbbbbbbbbbb"),
        (replace(STEADY, live=None), "./stile up dev", "there is no endpoint"),
        (replace(STEADY, released=None, versions=()), "./stile up dev", "releases no version of flights"),
        (replace(STEADY, versions=(version(3),)), "./stile release dev", "version 3 of flights is approved"),
        (replace(STEADY, last_run=None), "./stile run dev", "no run yet"),
        (
            replace(STEADY, last_run=replace(RUN, status="failed", failed_step="ingest")),
            "./stile logs ingest dev",
            "step ingest of the last run failed",
        ),
        (
            replace(STEADY, live=replace(LIVE, is_steady=False, status="Failed", reason="no capacity")),
            "./stile logs endpoint dev",
            "is Failed: no capacity",
        ),
    ],
)
def test_what_is_due_is_told_with_its_command(standing: Standing, command: str, why: str) -> None:
    (only,) = due("dev", standing, among_several=False)
    assert only.command == command
    assert why in only.why


def test_among_several_models_commands_name_theirs() -> None:
    """`run` and `release` refuse to choose; `up` is of all models."""
    standing = replace(STEADY, released=None, live=None, last_run=None)
    assert commands(standing, among_several=True) == [
        "./stile run dev --model flights",
        "./stile release dev --model flights",
    ]


def test_a_release_is_read_as_the_cli_writes_it() -> None:
    """`pulumi config set-all` writes the version as a number; by hand it may be a text."""
    models = {
        "a": {"release": {"version": 3, "sha256": OLD}},
        "b": {"release": {"version": "4", "sha256": NEW}},
        "c": {},
    }
    assert releases({"stile:platform": {"models": models}}) == {"a": Release(3, OLD), "b": Release(4, NEW)}
