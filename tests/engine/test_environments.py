"""Environments by name, and the variables of which nothing real may be reached from a local one."""

import os
import sys
from pathlib import Path

import pytest

from infra.accounts import LOCAL_ACCOUNTS
from infra.environments import (
    NOWHERE,
    Environment,
    find_environment,
    known_environments,
    state_dir,
    variables,
)
from infra.errors import ConfigError, UsageError
from infra.guards import against_local, foreign
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


def test_a_local_google_cloud_is_all_that_its_environment_reaches(clone: Path) -> None:
    """The storage client, our own calls and each service of the official provider go to it, under a token of anyone."""
    (clone / "stacks" / "Pulumi.local-gcp.yaml").write_text("config:\n  stile:cloud: gcp\n")
    local = find_environment("local-gcp", clone)
    assert variables(local, TOOLS)["STILE_GCP_ENDPOINT"] == NOWHERE
    cloud = LocalCloud("gcp", 1, "boot", "http://127.0.0.1:4000", "http://127.0.0.1:4001", clone, clone)
    found = variables(local, TOOLS, cloud)
    assert found["STORAGE_EMULATOR_HOST"] == "http://127.0.0.1:4000"
    assert found["GOOGLE_STORAGE_CUSTOM_ENDPOINT"] == "http://127.0.0.1:4000/storage/v1/"
    assert (found["GOOGLE_CLOUD_PROJECT"], found["CLOUDSDK_AUTH_ACCESS_TOKEN"]) == ("stile-local", "test")
    assert not [name for name in found if name.startswith("AWS_")]
    assert list(against_local(found, "gcp")) == []


def test_clients_are_told_where_a_real_environment_stands(clone: Path) -> None:
    """Project and region are the stack's; the credentials stay the user's own."""
    config = "config:\n  stile:cloud: gcp\n  gcp:project: ours\n  gcp:region: europe-west4\n"
    (clone / "stacks" / "Pulumi.production.yaml").write_text(config)
    found = variables(find_environment("production", clone), TOOLS)
    told = {name: value for name, value in found.items() if name.startswith(("GOOGLE_", "CLOUDSDK_"))}
    assert told == {"GOOGLE_CLOUD_PROJECT": "ours", "GOOGLE_CLOUD_LOCATION": "europe-west4"}


LEADS_AWAY = [
    ("STILE_GCP_ENDPOINT", "", "is not set"),
    ("STILE_GCP_ENDPOINT", "https://storage.googleapis.com", "does not lead to this machine"),
    ("STORAGE_EMULATOR_HOST", "10.0.0.1:9000", "does not lead to this machine"),
    ("GOOGLE_KMS_CUSTOM_ENDPOINT", "https://cloudkms.googleapis.com/v1/", "does not lead to this machine"),
    ("CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN", "https://run.googleapis.com/", "does not lead to this machine"),
    ("GCE_METADATA_HOST", "169.254.169.254", "does not lead to this machine"),
    ("GOOGLE_OAUTH_ACCESS_TOKEN", "ya29.of-a-person", "a real account's"),
    ("GOOGLE_APPLICATION_CREDENTIALS", "/home/me/key.json", "an account of yours"),
    ("GOOGLE_IMPERSONATE_SERVICE_ACCOUNT", "it@our-project.iam.gserviceaccount.com", "an account of yours"),
]


@pytest.mark.parametrize(("name", "value", "reason"), LEADS_AWAY, ids=lambda value: value)
def test_what_leads_to_googles_own_hosts_or_accounts_is_told(clone: Path, name: str, value: str, reason: str) -> None:
    own = LOCAL_ACCOUNTS["gcp"]("http://127.0.0.1:4000", clone)
    assert list(against_local(own, "gcp")) == []
    assert [(told, reason in why) for told, why in against_local(own | {name: value}, "gcp")] == [(name, True)]


def test_the_users_accounts_on_every_cloud_are_kept_out(clone: Path) -> None:
    mine = {
        "AWS_PROFILE": "a",
        "GOOGLE_APPLICATION_CREDENTIALS": "b",
        "CLOUDSDK_CORE_PROJECT": "c",
        "GCLOUD_PROJECT": "d",
    }
    assert foreign({**mine, "CLOUDSDK_PYTHON": "python3", "AWS_PAGER": "less", "PATH": "/bin"}) == sorted(mine)


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
