"""The program: committed stacks are valid, exports are what commands read, mistakes come without a traceback."""

import re
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from infra.program import SDK, define, read, resolved
from tests.components.configs import RELEASE
from tests.components.mocked import REGION, Declared, declare

GOLDEN = Path(__file__).with_name("golden")
STACKS = Path(__file__).resolve().parents[2] / "stacks"
ENVIRONMENTS = ("local-aws", "aws-dev")


def config_of(environment: str) -> dict[str, Any]:
    """A stack's configuration as it is before a release, which anyone may have written into it."""
    config: dict[str, Any] = yaml.safe_load((STACKS / f"Pulumi.{environment}.yaml").read_text())["config"]
    for model in config["stile:platform"]["models"].values():
        model.pop("release", None)
    return config


def deploy(environment: str, config: Mapping[str, object]) -> Declared:
    return declare(lambda: define(environment, config), environment)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_committed_stacks_are_valid(environment: str) -> None:
    assert read(environment, config_of(environment)).environment == environment


def test_what_is_loaded_ahead_is_what_the_program_uses() -> None:
    """A module too many is time lost in each command, one too few is waited for."""
    tokens = re.findall(r"\baws:(\w+)/", (GOLDEN / "urns_release.txt").read_text())
    assert set(SDK["aws"]) == set(tokens)


def test_every_committed_stack_is_tested() -> None:
    assert {file.stem.removeprefix("Pulumi.") for file in STACKS.glob("Pulumi.*.yaml")} == set(ENVIRONMENTS)


def test_a_real_environment_has_a_base_image_and_the_local_one_has_none() -> None:
    assert read("aws-dev", config_of("aws-dev")).platform.images.base
    assert read("local-aws", config_of("local-aws")).platform.images.base is None


def test_exports_are_what_the_commands_read() -> None:
    outputs = deploy("local-aws", config_of("local-aws")).outputs
    assert set(outputs) == {
        "data_bucket",
        "job_role_arn",
        "image_uri",
        "tracking_uri",
        "region",
        "environment",
        "models",
    }
    assert outputs["environment"] == "local-aws"
    assert outputs["region"] == REGION
    name = "stile-local-aws-flight-delays"
    assert outputs["models"] == {
        "flight-delays": {"pipeline": name, "model_package_group": name, "endpoint": None, "dashboard": name}
    }


def test_a_release_exports_its_endpoint() -> None:
    config = config_of("local-aws")
    config["stile:platform"]["models"]["flight-delays"]["release"] = RELEASE
    outputs = deploy("local-aws", config).outputs
    assert outputs["models"]["flight-delays"]["endpoint"] == "stile-local-aws-flight-delays"


def test_local_and_real_differ_in_nothing_but_their_configuration() -> None:
    """The same resources under the same names, but for the environment's: nothing in the program asks where it runs."""
    local = deploy("local-aws", config_of("local-aws")).urns
    real = deploy("aws-dev", config_of("aws-dev")).urns
    assert [urn.replace("local-aws", "*") for urn in local] == [urn.replace("aws-dev", "*") for urn in real]


def test_needs_are_resolved_before_the_components_see_them() -> None:
    found = resolved(read("local-aws", config_of("local-aws")))
    assert (found.machine, found.processing_machine) == ("ml.m5.large", "ml.m5.large")
    assert found.endpoint_machines == {"flight-delays": "ml.c5.large"}
    assert found.candidates["flight_delays"]


def test_mistakes_are_told_by_plain_pulumi_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """`pulumi up` shows each problem and no traceback: that is what RunError is to it."""
    main = STACKS.parent / "infra" / "__main__.py"
    monkeypatch.setattr(pulumi.Config, "get", lambda _config, _key: "azure")
    monkeypatch.setattr(pulumi.Config, "get_object", lambda _config, _key: {"nmae": "stile"})
    with pytest.raises(pulumi.RunError) as raised:
        declare(lambda: runpy.run_path(str(main), run_name="__main__"), "aws-dev")
    assert "did you mean `name`?" in str(raised.value)
    assert "stile:cloud is 'azure'" in str(raised.value)
