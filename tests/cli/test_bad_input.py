"""Made-up input: configurations, files and command lines end with an exit code of the table, never with a traceback."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.errors import ConfigError, Problem
from infra import program
from infra.cli import main
from infra.environments import ROOT, read_config
from infra.offline import declared_by

ENVIRONMENT = "local-aws"
GOOD = read_config(ROOT / "stacks" / f"Pulumi.{ENVIRONMENT}.yaml")
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 2**70),
    st.floats(),
    st.text(max_size=12),
    st.dates(),
    st.lists(st.text(max_size=3), max_size=2),
    st.dictionaries(st.one_of(st.text(max_size=6), st.integers()), st.text(max_size=3), max_size=2),
    st.sampled_from(["aws", "gcp", "managed", "server", "-", "../..", "a" * 300, "\u2028", "${x}", "0", "1e9", "~"]),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values in a nested configuration."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    """The environment's configuration with one to three values replaced, added or taken away."""
    config: dict[str, Any] = copy.deepcopy(GOOD)
    for _ in range(draw(st.integers(1, 3))):
        *above, last = draw(st.sampled_from(list(places(config))))
        holder = config
        for key in above:
            holder = holder[key]
        match draw(st.sampled_from(["replace", "add", "remove"])):
            case "replace":
                holder[last] = draw(JUNK)
            case "add":
                holder[draw(st.text(max_size=8))] = draw(JUNK)
            case _:
                del holder[last]
    return config


@pytest.mark.slow
@settings(max_examples=250, suppress_health_check=list(HealthCheck))
@given(config=configs())
def test_a_made_up_configuration_is_declared_or_refused_with_every_problem(config: dict[str, Any]) -> None:
    """Protects: what is wrong is told with its path before anything happens; what is not, works."""
    refused = refusal(lambda: program.read(ENVIRONMENT, config))
    if refused is None:
        assert declared_by(lambda: program.define(ENVIRONMENT, config), ENVIRONMENT, config).resources
        return
    assert refused.problems
    assert all(isinstance(problem, Problem) and problem.path and problem.fix for problem in refused.problems)
    assert refused.exit_code == 2


def refusal(read: Callable[[], object]) -> ConfigError | None:
    """What a configuration is refused with, None if it is not."""
    try:
        read()
    except ConfigError as error:
        return error
    return None


TEXT = (ROOT / "stacks" / f"Pulumi.{ENVIRONMENT}.yaml").read_bytes()


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """The environment's file with a piece of it replaced by others' bytes."""
    start = draw(st.integers(0, len(TEXT)))
    return TEXT[:start] + draw(st.binary(max_size=12)) + TEXT[start + draw(st.integers(0, 40)) :]


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(content=st.one_of(files(), st.just(b"[" * 5000)))
def test_a_made_up_file_is_read_or_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.local-odd.yaml"
    path.write_bytes(content)
    refused = refusal(lambda: read_config(path))
    assert refused is None or (refused.exit_code == 2 and refused.problems)


WORDS = st.one_of(
    st.sampled_from([command.name for command in main.COMMANDS if command.name != "test"]),
    st.sampled_from(["nowhere", "--json", "--yes", "--help", "-", "--", "start", "status", "--lines", "-1", "--n", ""]),
    st.text(max_size=10),
)


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(before=st.lists(WORDS, max_size=3), after=st.lists(WORDS, max_size=2))
def test_a_made_up_command_line_is_wrong_usage(
    before: list[str], after: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """Protects: each ends with 2, or 0 where it asked for help; an unknown option keeps all of them from working."""
    code = main.run([*before, "--no-such-option", *after])
    said = capfd.readouterr()
    asks_help = {"--help", "-h"} & {*before, *after}
    assert code == 2 or (code == 0 and asks_help), (code, said.err)
    assert "Traceback" not in said.err
