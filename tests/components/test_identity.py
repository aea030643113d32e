"""Roles may do what the stages grant them and no more: no action on everything unless it knows no resources."""

import json
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, get_args

from components.pipeline import FromModel, FromOutput, FromParameter, Source
from components.pipeline.chain import value_chain
from components.stages import JOBS, Role, StepRole
from components.storage import READS, WRITES
from tests.components.configs import PRIVATE_NETWORK, RELEASE, changed, full
from tests.components.conftest import Deploy
from tests.components.mocked import Declared

PAGE = Path(__file__).parents[2] / "docs" / "permissions.md"
# Actions for which IAM knows no resource: https://docs.aws.amazon.com/service-authorization/latest/reference/
WITHOUT_RESOURCES = {"ecr:GetAuthorizationToken", "cloudwatch:PutMetricData", "sagemaker:ListModelPackages"}


def statements(declared: Declared, role: str) -> list[Mapping[str, Any]]:
    policies = [made for made in declared.all("RolePolicy") if made.inputs["role"] == f"stile-test-aws-{role}"]
    return [statement for made in policies for statement in json.loads(made.inputs["policy"])["Statement"]]


def actions(declared: Declared, role: str) -> set[str]:
    return {action for statement in statements(declared, role) for action in statement["Action"]}


def objects(declared: Declared, role: str, action: str) -> list[str]:
    """The patterns of objects, without their bucket, that a role may do something with."""
    return [
        resource.split("/", 1)[1]
        for statement in statements(declared, role)
        if action in statement["Action"]
        for resource in statement["Resource"]
    ]


def test_only_sagemaker_takes_the_roles(first_up: Declared) -> None:
    for role in first_up.all("iam/role:Role"):
        (trust,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
        assert trust["Principal"] == {"Service": "sagemaker.amazonaws.com"}
        assert trust["Action"] == "sts:AssumeRole"


def test_no_statement_reaches_further_than_it_must(first_up: Declared) -> None:
    for role in get_args(Role):
        assert statements(first_up, role)
        for statement in statements(first_up, role):
            if statement["Resource"] == ["*"]:
                assert set(statement["Action"]) <= WITHOUT_RESOURCES
            assert not [action for action in statement["Action"] if action.endswith("*")]


def test_every_job_pulls_logs_and_decrypts(first_up: Declared) -> None:
    """What SageMaker itself does under a job's role, for every one of them."""
    needed = {
        "ecr:BatchGetImage",
        "kms:CreateGrant",
        "kms:Decrypt",
        "logs:PutLogEvents",
        "s3:GetObject",
        "s3:ListBucket",
    }
    for role in JOBS:
        assert needed <= actions(first_up, role), role


def test_each_step_reads_and_writes_its_own_folders_only(first_up: Declared) -> None:
    """The table of folders is what the pipeline's steps read and write, neither more nor less."""
    graph = value_chain("flight_delays", ("hgb",), "s3://bucket/raw/flight_delays/")
    for step in graph.steps:
        read = [path(channel.source) for channel in step.inputs]
        covered(read, READS[step.role])
        covered([f"runs/x/{step.name}/out/file"], [one for one in WRITES[step.role] if one != "mlflow/*"])
        assert objects(first_up, step.role, "s3:GetObject") == list(READS[step.role])
        assert objects(first_up, step.role, "s3:PutObject") == list(WRITES[step.role])


def path(source: Source) -> str:
    match source:
        case FromParameter():
            return "raw/flight_delays/file"
        case FromOutput(step, output):
            return f"runs/x/{step}/{output}/file"
        case FromModel(step):
            return f"runs/x/{step}/job/output/model.tar.gz"


def covered(paths: Iterable[str], patterns: Iterable[str]) -> None:
    assert [one for one in paths if not any(fnmatchcase(one, pattern) for pattern in patterns)] == []
    assert [pattern for pattern in patterns if not any(fnmatchcase(one, pattern) for one in paths)] == []


def test_listing_ends_where_reading_does(first_up: Declared) -> None:
    for role in (*JOBS, "tracking"):
        (listing,) = [each for each in statements(first_up, role) if each["Action"] == ["s3:ListBucket"]]
        assert listing["Condition"]["StringLike"]["s3:prefix"] == objects(first_up, role, "s3:GetObject")


def test_serving_reads_models_and_writes_captures_only(first_up: Declared) -> None:
    assert objects(first_up, "serving", "s3:GetObject") == ["runs/*/train-*"]
    assert objects(first_up, "serving", "s3:PutObject") == ["capture/*"]


def test_jobs_cannot_start_jobs_and_the_pipeline_cannot_touch_data(first_up: Declared) -> None:
    for role in JOBS:
        assert not {action for action in actions(first_up, role) if "Create" in action and action.endswith("Job")}
    assert not {action for action in actions(first_up, "pipeline") if action.startswith("s3:")}
    (passing,) = [each for each in statements(first_up, "pipeline") if each["Action"] == ["iam:PassRole"]]
    steps = [f"arn:aws:iam::123456789012:role/stile-test-aws-{step}" for step in get_args(StepRole)]
    assert passing["Resource"] == steps


def test_only_register_changes_the_registry_and_only_evaluate_looks_at_it_too(first_up: Declared) -> None:
    changing = {"sagemaker:CreateModelPackage", "sagemaker:UpdateModelPackage"}
    looking = {"sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"}
    assert {role for role in get_args(Role) if actions(first_up, role) & changing} == {"register"}
    assert {role for role in get_args(Role) if actions(first_up, role) & looking} == {"evaluate", "register"}


def test_a_watched_rollout_lets_the_models_role_see_its_alarms(deploy: Deploy) -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html, of the execution role of a model."""
    declared = deploy(full(release=RELEASE, rollout={"bake_seconds": 60}))
    (watching,) = [each for each in statements(declared, "serving") if each["Action"] == ["cloudwatch:DescribeAlarms"]]
    assert watching["Resource"] == ["arn:aws:cloudwatch:us-east-1:123456789012:alarm:stile-test-aws-flight-delays-*"]


def test_a_private_network_lets_whoever_runs_containers_enter_it(deploy: Deploy) -> None:
    """Without conditions and resources, says the vendor, or its checks fail; so only where there is a VPC."""
    declared = deploy(changed(full(release=RELEASE), "network", PRIVATE_NETWORK))
    entering = {role for role in get_args(Role) if "ec2:CreateNetworkInterface" in actions(declared, role)}
    assert entering == {*JOBS, "serving"}


def test_the_page_on_permissions_says_what_the_roles_reach() -> None:
    """docs/permissions.md lists each role with the folders of the code's own tables."""
    rows = [line.split("|") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    told = {row[1].strip(" `"): [re.findall(r"`([^`]+)`", cell) for cell in row[3:5]] for row in rows}
    known = {role: [list(READS.get(role, ())), list(WRITES.get(role, ()))] for role in get_args(Role)}
    assert told == known
