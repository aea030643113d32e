"""Environments by name, and the variables of which nothing real may be reached from a local one."""

import os
import sys
from pathlib import Path

import pytest

from infra.environments import (
    NOWHERE,
    Environment,
    find_environment,
    known_environments,
    state_dir,
    variables,
)
from infra.errors import ConfigError, UsageError
from infra.localcloud.lifecycle import LocalCloud
from infra.toolchain import Toolchain

BIN = Path("/tools/bin")
TOOLS = Toolchain(BIN / "pulumi", Path("/other/crane"), BIN, "3.259.0", "0.20.2")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("STILE_STATE_DIR", raising=False)
    (tmp_path / "stacks").mkdir()
    for name, cloud in (("local-aws", "aws"), ("production", "gcp")):
        (tmp_path / "stacks" / f"Pulumi.{name}.yaml").write_text(f"config:\n  stile:cloud: {cloud}\n")
    return tmp_path


def test_an_environment_is_found_by_the_name_of_its_file(clone: Path) -> None:
    assert known_environments(clone) == ["local-aws", "production"]
    found = find_environment("production", clone)
    assert (found.cloud, found.is_local, found.pulumi_home) == ("gcp", False, None)
    assert find_environment("local-aws", clone).pulumi_home == clone / ".stile" / "pulumi-home"


def test_one_that_is_not_there_is_wrong_usage_and_says_what_there_is(clone: Path) -> None:
    with pytest.raises(UsageError) as raised:
        find_environment("staging", clone)
    assert "local-aws, production" in (raised.value.fix or "")


def test_a_file_that_names_no_cloud_is_a_configuration_error(clone: Path) -> None:
    (clone / "stacks" / "Pulumi.bad.yaml").write_text("config:\n  stile:cloud: mars\n")
    with pytest.raises(ConfigError) as raised:
        find_environment("bad", clone)
    assert [(problem.path, problem.value, problem.allowed) for problem in raised.value.problems] == [
        ("stile:cloud", "mars", "aws or gcp")
    ]


def test_the_state_can_be_elsewhere(clone: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STILE_STATE_DIR", str(tmp_path / "state"))
    assert state_dir(clone) == tmp_path / "state"


def test_a_local_environment_reaches_only_this_machine(clone: Path) -> None:
    """Without a running local cloud, calls fail here rather than reach an account."""
    local = find_environment("local-aws", clone)
    without = variables(local, TOOLS)
    assert without["AWS_ENDPOINT_URL"] == NOWHERE
    cloud = LocalCloud("aws", 1, "boot", "http://127.0.0.1:4000", "http://127.0.0.1:4001", clone, clone)
    found = variables(local, TOOLS, cloud)
    assert found["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4000"
    assert found["PULUMI_BACKEND_URL"] == f"file://{clone}/.stile/state?metadata=skip"
    assert found["PULUMI_IGNORE_AMBIENT_PLUGINS"] == "1"
    assert (found["AWS_ACCESS_KEY_ID"], found["AWS_REGION"]) == ("test", "us-east-1")


def test_a_real_environment_keeps_the_users_account_backend_and_plugins(clone: Path) -> None:
    """Stand-in plugins and dummy credentials must never meet a real state."""
    found = variables(find_environment("production", clone), TOOLS)
    assert not [name for name in found if name.startswith("AWS_")]
    assert not {"PULUMI_HOME", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE"} & found.keys()
    assert found["PULUMI_STACK"] == "production"


def test_the_programs_come_first_on_path_and_only_once(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`eval "$(stile env ...)"` again and again must not make PATH longer and longer."""
    monkeypatch.setenv("PATH", "/usr/bin")
    environment = Environment("local-aws", "aws", clone, clone / ".stile")
    once = variables(environment, TOOLS)["PATH"]
    assert once.split(os.pathsep) == [str(Path(sys.executable).parent), "/tools/bin", "/other", "/usr/bin"]
    monkeypatch.setenv("PATH", once)
    assert variables(environment, TOOLS)["PATH"] == once


def test_outputs_become_variables_as_far_as_they_exist(clone: Path) -> None:
    outputs = {"data_bucket": "data-1", "tracking_uri": None, "other": "x"}
    found = variables(find_environment("local-aws", clone), TOOLS, None, outputs)
    assert found["STILE_BUCKET"] == "data-1"
    assert "MLFLOW_TRACKING_URI" not in found
