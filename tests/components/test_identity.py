"""Roles may do what the stages grant them and no more: no action on everything unless it knows no resources."""

import json
from collections.abc import Mapping
from typing import Any

from tests.components.mocked import Declared

# Actions for which IAM knows no resource: https://docs.aws.amazon.com/service-authorization/latest/reference/
WITHOUT_RESOURCES = {"ecr:GetAuthorizationToken", "cloudwatch:PutMetricData", "sagemaker:ListModelPackages"}


def statements(declared: Declared, role: str) -> list[Mapping[str, Any]]:
    policies = [made for made in declared.all("RolePolicy") if made.inputs["role"] == f"stile-test-aws-{role}"]
    return [statement for made in policies for statement in json.loads(made.inputs["policy"])["Statement"]]


def actions(declared: Declared, role: str) -> set[str]:
    return {action for statement in statements(declared, role) for action in statement["Action"]}


def test_only_sagemaker_takes_the_roles(first_up: Declared) -> None:
    for role in first_up.all("iam/role:Role"):
        (trust,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
        assert trust["Principal"] == {"Service": "sagemaker.amazonaws.com"}
        assert trust["Action"] == "sts:AssumeRole"


def test_no_statement_reaches_further_than_it_must(first_up: Declared) -> None:
    for role in ("jobs", "pipeline", "serving", "tracking"):
        assert statements(first_up, role)
        for statement in statements(first_up, role):
            if statement["Resource"] == ["*"]:
                assert set(statement["Action"]) <= WITHOUT_RESOURCES
            assert not any(action == "*" or action.endswith(":*") for action in statement["Action"]) or (
                statement["Resource"] == ["arn:aws:sagemaker:us-east-1:123456789012:mlflow-app/stile-test-aws-mlflow"]
            )


def test_serving_reads_models_and_writes_captures_only(first_up: Declared) -> None:
    objects = {
        action: statement["Resource"]
        for statement in statements(first_up, "serving")
        for action in statement["Action"]
        if action in ("s3:GetObject", "s3:PutObject")
    }
    assert [resource.split("/", 1)[1] for resource in objects["s3:GetObject"]] == ["runs/*"]
    assert [resource.split("/", 1)[1] for resource in objects["s3:PutObject"]] == ["capture/*"]


def test_jobs_cannot_start_jobs_and_the_pipeline_cannot_touch_data(first_up: Declared) -> None:
    assert not {action for action in actions(first_up, "jobs") if "Create" in action and action.endswith("Job")}
    assert not {action for action in actions(first_up, "pipeline") if action.startswith("s3:")}
    (passing,) = [each for each in statements(first_up, "pipeline") if each["Action"] == ["iam:PassRole"]]
    assert passing["Resource"] == ["arn:aws:iam::123456789012:role/stile-test-aws-jobs"]


def test_jobs_may_do_all_that_a_run_needs(first_up: Declared) -> None:
    needed = {
        "ecr:BatchGetImage",
        "kms:GenerateDataKey",
        "logs:PutLogEvents",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "sagemaker-mlflow:*",
        "sagemaker:CreateModelPackage",
        "sagemaker:ListModelPackages",
        "sagemaker:UpdateModelPackage",
    }
    assert needed <= actions(first_up, "jobs")
