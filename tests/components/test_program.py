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
from tests.components.mocked import Declared, declare

GOLDEN = Path(__file__).with_name("golden")
STACKS = Path(__file__).resolve().parents[2] / "stacks"
ENVIRONMENTS = ("local-aws", "aws-dev", "local-gcp", "gcp-dev")
# The keys that may differ between the stacks of two clouds, each below `config`
DIFFERENT_KEYS = {"aws:region", "gcp:project", "gcp:region", "stile:cloud", "stile:gcp"}
REGIONS = {"aws": "us-east-1", "gcp": "us-central1"}


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


def test_what_is_loaded_ahead_is_what_the_program_uses(cloud: str) -> None:
    """A module too many is time lost in each command, one too few is waited for."""
    tokens = re.findall(rf"\b{cloud}:(\w+)/", (GOLDEN / cloud / "urns_release.txt").read_text())
    assert set(SDK[cloud]) == set(tokens)


def test_every_committed_stack_is_tested() -> None:
    assert {file.stem.removeprefix("Pulumi.") for file in STACKS.glob("Pulumi.*.yaml")} == set(ENVIRONMENTS)


@pytest.mark.parametrize(("one", "other"), [("local-aws", "local-gcp"), ("aws-dev", "gcp-dev")])
def test_clouds_differ_in_where_they_stand_only(one: str, other: str) -> None:
    """One definition: all else that a stack says is the same on both clouds, to the letter."""
    first, second = config_of(one), config_of(other)
    assert {key for key in first.keys() | second.keys() if first.get(key) != second.get(key)} <= DIFFERENT_KEYS
    assert first["stile:platform"] == second["stile:platform"]


def test_a_real_environment_has_a_base_image_and_the_local_one_has_none(cloud: str) -> None:
    assert read(f"{cloud}-dev", config_of(f"{cloud}-dev")).platform.images.base
    assert read(f"local-{cloud}", config_of(f"local-{cloud}")).platform.images.base is None


def test_exports_are_what_the_commands_read(cloud: str) -> None:
    local = f"local-{cloud}"
    outputs = deploy(local, config_of(local)).outputs
    assert set(outputs) == {
        "data_bucket",
        "job_role_arn",
        "image_uri",
        "tracking_uri",
        "region",
        "environment",
        "models",
    }
    assert outputs["environment"] == local
    assert outputs["region"] == REGIONS[cloud]
    name = f"stile-{local}-flight-delays"
    (model,) = outputs["models"].values()
    assert {"pipeline", "model_package_group", "endpoint", "dashboard"} == model.keys()
    assert (model["model_package_group"], model["endpoint"]) == (name, None)
    assert name in model["pipeline"]
    assert name in model["dashboard"]


# On Google Cloud an endpoint is known by nine digits that stand for its name
ENDPOINTS = {
    "aws": r"stile-local-aws-flight-delays",
    "gcp": r"projects/our-project/locations/us-central1/endpoints/[1-9]\d{8}",
}


def test_a_release_exports_its_endpoint(cloud: str) -> None:
    config = config_of(f"local-{cloud}")
    config["stile:platform"]["models"]["flight-delays"]["release"] = RELEASE
    outputs = deploy(f"local-{cloud}", config).outputs
    assert re.fullmatch(ENDPOINTS[cloud], outputs["models"]["flight-delays"]["endpoint"])


def test_local_and_real_differ_in_nothing_but_their_configuration(cloud: str) -> None:
    """The same resources under the same names, but for the environment's: nothing in the program asks where it runs."""
    local = deploy(f"local-{cloud}", config_of(f"local-{cloud}")).urns
    real = deploy(f"{cloud}-dev", config_of(f"{cloud}-dev")).urns
    assert [urn.replace(f"local-{cloud}", "*") for urn in local] == [urn.replace(f"{cloud}-dev", "*") for urn in real]


MACHINES = {"aws": ("ml.m5.large", "ml.c5.large"), "gcp": ("e2-highmem-2", "e2-standard-2")}


def test_needs_are_resolved_before_the_components_see_them(cloud: str) -> None:
    found = resolved(read(f"local-{cloud}", config_of(f"local-{cloud}")))
    jobs, serving = MACHINES[cloud]
    assert (found.machine, found.processing_machine) == (jobs, jobs)
    assert found.endpoint_machines == {"flight-delays": serving}
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
