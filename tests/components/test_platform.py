"""The platform as a whole: names everywhere, no call to a cloud, and a first `up` without any model."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.components.asking import EXISTING
from tests.components.configs import changed, full
from tests.components.conftest import Deploy
from tests.components.mocked import Declared

# What a released model has of its own, by stage; the registry on Google Cloud has nothing
OWN = {"aws": 5, "gcp": 3}


def test_a_models_resources_carry_its_name(cloud: str, releases: Mapping[str, Declared]) -> None:
    stages = ("Endpoint$", "Pipeline$", "Registry$")
    made = [one for one in releases[cloud].clouds() if any(f"stile:index:{stage}" in one.urn for stage in stages)]
    assert len(made) == OWN[cloud]
    assert all("flight-delays" in one.name for one in made)


def test_every_name_begins_with_platform_and_environment(cloud: str, releases: Mapping[str, Declared]) -> None:
    prefix = f"stile-test-{cloud}"
    assert [made.urn for made in releases[cloud].resources if not made.name.startswith(prefix)] == []


ADDED = {
    "aws": {"ModelPackageGroup", "Pipeline", "MetricAlarm"},
    "gcp": {"AlertPolicy", "BucketObject", "Dashboard", "IAMCustomRole"},
}


def test_two_models_share_the_stages_and_have_their_own(
    cloud: str, deploy: Deploy, first_ups: Mapping[str, Declared]
) -> None:
    first_up = first_ups[cloud]
    config = full(cloud)
    config["stile:platform"]["models"]["arrivals"] = {"use_case": "flight_delays"}
    added = {urn.split("$")[-1] for urn in set(deploy(config).urns) - set(first_up.urns)}
    assert set(first_up.urns) <= set(deploy(config).urns)
    assert {urn.split(":")[-3].split("/")[-1] for urn in added} >= ADDED[cloud]
    assert all("arrivals" in urn for urn in added)


@pytest.mark.parametrize(("type_", "cloud"), [("iam/role:Role", "aws"), ("account:Account", "gcp")])
def test_roles_that_are_not_given_are_made(deploy: Deploy, type_: str, cloud: str) -> None:
    """One that is given for jobs stands for all of theirs."""
    ours = {f"{role}_role_arn": EXISTING[cloud]["role"].format(role) for role in ("job", "serving")}
    made = {each.name for each in deploy(changed(full(cloud), "identity", ours)).all(type_)}
    assert made == {f"stile-test-{cloud}-pipeline", f"stile-test-{cloud}-tracking"}


@pytest.mark.parametrize(("mode", "instances"), [("managed", 0), ("server", 1)])
def test_mlflow_on_google_runs_when_asked_or_always(deploy: Deploy, mode: str, instances: int) -> None:
    """Our own server in both modes: with its password in a secret alone, and its history in a database that is kept."""
    config = full("gcp")
    config["stile:platform"]["tracking"] = {"mode": mode}
    declared = deploy(config)
    template: Any = declared.one("cloudrunv2/service:Service").inputs["template"]
    assert template["scaling"]["minInstanceCount"] == instances
    assert template["serviceAccount"] == "stile-test-gcp-tracking@our-project.iam.gserviceaccount.com"
    (variable,) = template["containers"][0]["envs"]
    assert variable["valueSource"]["secretKeyRef"]["secret"] == "stile-test-gcp-mlflow"
    where = "host=/cloudsql/our-project:us-central1:stile-test-gcp-mlflow-0a1b2c3"
    assert declared.one("SecretVersion").inputs["secretData"].endswith(where)
    assert declared.one("DatabaseInstance").protected


def test_without_a_budget_there_is_none(cloud: str, deploy: Deploy) -> None:
    config = full(cloud)
    del config["stile:platform"]["budget"]
    assert not deploy(config).all("Budget")
