"""What one cloud takes and the other does not is refused before anything is priced: path, what is allowed, the fix."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.features import LACKS, Feature
from infra.cli import cost_compare, main
from infra.cost.elsewhere import EXISTING, sibling
from infra.environments import Environment, find_environment, read_config
from infra.errors import ConfigError, Problem, UsageError
from infra.program import read
from tests.components.asking import asking, changes
from tests.components.configs import CLOUDS, full

OTHER = {"aws": "gcp", "gcp": "aws"}
MODEL = "stile:platform.models.flight-delays"


def environment(root: Path, name: str, cloud: str) -> Environment:
    """An environment of a project in which nothing else stands."""
    return Environment(name, cloud, root, root / ".stile")


def refusal(root: Path, config: dict[str, Any], name: str = "production") -> tuple[Problem, ...]:
    cloud = config["stile:cloud"]
    with pytest.raises(ConfigError) as raised:
        cost_compare.place(environment(root, name, cloud), config, OTHER[cloud])
    return raised.value.problems


def refused_features() -> list[Any]:
    """Each feature that a cloud has and the other lacks, or has another name for."""
    features = [*EXISTING, Feature.MACHINE_BY_TYPE]
    pairs = [(cloud, one) for cloud in CLOUDS for one in (*features, *LACKS[OTHER[cloud]]) if one not in LACKS[cloud]]
    # An image's repository has no form on AWS: a name of Google's registry is taken there.
    taken = ("gcp", Feature.EXISTING_REPOSITORY)
    return [pytest.param(*pair, id=f"{pair[0]}-{pair[1].name}") for pair in pairs if pair != taken]


@pytest.mark.parametrize(("cloud", "feature"), refused_features())
def test_what_the_other_cloud_has_not_is_refused(tmp_path: Path, cloud: str, feature: Feature) -> None:
    """At every place that asks for it and nowhere else, naming the other cloud; its own cloud takes it."""
    config = asking(feature, cloud)
    read(f"test-{cloud}", config)
    problems = refusal(tmp_path, config)
    asked = [f"stile:platform.{path.replace('/', '.')}" for path in changes(feature, cloud)]
    assert len(problems) >= 1
    assert all(one.path.startswith(tuple(asked)) for one in problems)
    assert all(f" {OTHER[cloud]}" in one.allowed and one.value and one.fix for one in problems)
    if feature in (*EXISTING, Feature.MACHINE_BY_TYPE):
        assert sorted(one.path for one in problems) == sorted(asked)


def test_there_is_a_feature_of_each_cloud_that_the_other_lacks() -> None:
    """Or the cases above would be none."""
    assert {case.values[0] for case in refused_features()} == {"aws", "gcp"}
    assert len(refused_features()) >= 10


def test_a_machine_by_its_name_is_to_be_a_need_of_its_size(tmp_path: Path) -> None:
    """ml.t3.xlarge has 4 cpus and 16 GiB: the need that is named would be taken by both clouds."""
    training, endpoint = refusal(tmp_path, asking(Feature.MACHINE_BY_TYPE, "aws"))
    assert training == Problem(
        "stile:platform.training.machine",
        "ml.t3.xlarge",
        "a need, where clouds are compared: gcp has no ml.t3.xlarge",
        "say the need instead: {cpus: 4, memory_gib: 16}",
    )
    assert endpoint.path == f"{MODEL}.endpoint.machine"
    config = asking(Feature.MACHINE_BY_TYPE, "aws")
    for path, problem in (("training", training), (None, endpoint)):
        need = yaml.safe_load(problem.fix.partition(": ")[2])
        platform = config["stile:platform"]
        (platform["training"] if path else platform["models"]["flight-delays"]["endpoint"])["machine"] = need
    for cloud in CLOUDS:
        assert cost_compare.place(environment(tmp_path, "production", "aws"), config, cloud).config


def test_what_exists_on_one_cloud_is_not_to_be_renamed(tmp_path: Path) -> None:
    """A role written as the other cloud wants it would be refused on its own."""
    problems = refusal(tmp_path, asking(Feature.EXISTING_ROLES, "aws"))
    assert len(problems) == 4
    assert {one.fix for one in problems} == {
        "compare a copy of the environment without it: each cloud makes its own there"
    }


def test_everything_is_said_at_once(tmp_path: Path) -> None:
    config = asking(Feature.MACHINE_BY_TYPE, "aws")
    config["stile:platform"]["monitoring"] = {"log_retention_days": 90}
    config["stile:platform"]["storage"] = {"kms_key_arn": "arn:aws:kms:us-east-1:123456789012:key/ours"}
    assert sorted(one.path for one in refusal(tmp_path, config)) == [
        f"{MODEL}.endpoint.machine",
        "stile:platform.monitoring.log_retention_days",
        "stile:platform.storage.kms_key_arn",
        "stile:platform.training.machine",
    ]


def write(root: Path, name: str, config: dict[str, Any]) -> None:
    (root / "stacks").mkdir(exist_ok=True)
    (root / "stacks" / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump({"config": config}))


def test_a_mistake_in_the_siblings_place_is_said_with_its_file(tmp_path: Path) -> None:
    """It is no mistake of the environment that was named."""
    write(tmp_path, "gcp-live", {**full("gcp"), "gcp:region": "us-east-1"})
    (problem,) = refusal(tmp_path, full("aws"), "aws-live")
    assert (problem.path, problem.value) == ("stacks/Pulumi.gcp-live.yaml: gcp:region", "us-east-1")
    assert problem.allowed == "a region of Google Cloud, such as us-central1 on gcp"
    assert problem.fix


def test_the_sibling_says_where_and_not_what(tmp_path: Path) -> None:
    """Its region, project and account; the definition is that of the environment that was named."""
    theirs = full("gcp", endpoint={"instances": {"min": 7}})
    write(tmp_path, "gcp-live", {**theirs, "gcp:region": "europe-west4"})
    ours = full("aws")
    found = cost_compare.place(environment(tmp_path, "aws-live", "aws"), ours, "gcp")
    assert (found.environment, found.file) == ("gcp-live", "stacks/Pulumi.gcp-live.yaml")
    assert (found.config["gcp:region"], found.config["gcp:project"]) == ("europe-west4", "our-project")
    assert found.config["stile:platform"] == ours["stile:platform"]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_without_a_sibling_the_defaults_do(tmp_path: Path, cloud: str) -> None:
    """A namesake of the same cloud is no sibling."""
    write(tmp_path, f"{OTHER[cloud]}-live", full(cloud))
    for name in ("production", f"{cloud}-live"):
        found = cost_compare.place(environment(tmp_path, name, cloud), full(cloud), OTHER[cloud])
        assert (found.environment, found.file) == (name, "")
        assert read(found.environment, found.config).region in ("us-east-1", "us-central1")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("aws-dev", "gcp-dev"),
        ("local-aws", "local-gcp"),
        ("team-aws-dev", "team-gcp-dev"),
        ("awsome", None),
        ("", None),
    ],
)
def test_a_sibling_has_the_other_clouds_word_in_its_name(name: str, expected: str | None) -> None:
    assert sibling(name, "aws", "gcp") == expected


@pytest.mark.parametrize("asked", ["", "aws", "aws,aws", "aws,gcp,aws", "gcp,azure", "aws;gcp"])
def test_anything_but_both_clouds_is_wrong_usage(capsys: pytest.CaptureFixture[str], asked: str) -> None:
    with pytest.raises(UsageError):
        cost_compare.clouds_of(asked)
    code = main.run(["cost", "aws-dev", "--compare", asked, "--json"])
    error = json.loads(capsys.readouterr().out)["error"]
    assert (code, error["path"], error["fix"]) == (2, "--compare", "write --compare aws,gcp")


def test_a_mistake_of_its_own_is_said_as_ever(tmp_path: Path) -> None:
    """As its own cloud says it, whichever cloud is asked for first."""
    config = read_config(find_environment("aws-dev").config_path)
    config["stile:platform"]["models"]["flight-delays"]["endpoint"]["kind"] = "serverless"
    (problem,) = refusal(tmp_path, config, "aws-dev")
    assert problem.path == f"{MODEL}.endpoint.kind"
    assert "gcp" not in problem.allowed
