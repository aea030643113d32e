"""No role holds an action that its work does not need, and without any one of them it is refused by name."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import Demo
from tests.e2e.roles_at_work import ROLES, Roles
from tests.localcloud.endpoint_ground import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

# Why a statement says `*`: IAM knows no resource for these actions.
# https://docs.aws.amazon.com/service-authorization/latest/reference/
WITHOUT_RESOURCES = {
    "cloudwatch:PutMetricData": "metrics have no ARNs; bound by the namespace instead",
    "ecr:GetAuthorizationToken": "one token for all repositories of the account",
    "sagemaker:ListModelPackages": "the reference names no resource",
}


@pytest.fixture(scope="module")
def roles(demo: Demo) -> Iterator[Roles]:
    found = Roles(demo)
    yield found
    found.remove_made()


@pytest.fixture(scope="module")
def worked(roles: Roles) -> Roles:
    """The demo's roles after the work that one demo does not do: the second run's, a person's own, and MLflow's."""
    champion = roles.run("processing", "again-evaluate", roles.job("processing", "evaluate"))
    own = roles.run("training", "own-train", own_job(roles))
    stop_a_run(roles)
    look_at_artifacts(roles)
    assert champion()["ProcessingJobStatus"] == "Completed"
    assert own()["TrainingJobStatus"] == "Completed"
    return roles


def own_job(roles: Roles) -> dict[str, Any]:
    """A training job that a person starts by hand, under the role for that, with outputs in the folder for that."""
    request = roles.job("training", "train-logistic")
    request["OutputDataConfig"]["S3OutputPath"] = f"s3://{roles.demo.outputs['data_bucket']}/jobs/own"
    return {**request, "RoleArn": roles.demo.outputs["job_role_arn"]}


def stop_a_run(roles: Roles) -> None:
    """Start a pipeline of one step of each kind under the pipeline's role, and stop it while both run."""
    arn, name = pipeline_of(roles, roles.arn("pipeline"), "stopped")
    sagemaker = roles.demo.client("sagemaker")

    def executing() -> bool:
        steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
        return [step["StepStatus"] for step in steps] == ["Executing", "Executing"]

    eventually(executing, pause_seconds=0.1)
    sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert ended(roles, arn)["PipelineExecutionStatus"] == "Stopped"
    sagemaker.delete_pipeline(PipelineName=name)


def pipeline_of(roles: Roles, role: str, name: str) -> tuple[str, str]:
    """Start a pipeline that only trains one candidate and validates again, side by side."""
    steps = [
        {"Name": step, "Type": kind.capitalize(), "Arguments": roles.job(kind, step)}
        for kind, step in (("processing", "validate"), ("training", "train-logistic"))
    ]
    sagemaker, definition = roles.demo.client("sagemaker"), {"Version": "2020-12-01", "Steps": steps}
    sagemaker.create_pipeline(
        PipelineName=name,
        PipelineDefinition=json.dumps(definition),
        RoleArn=role,
        ClientRequestToken="x" * 32,
    )
    return str(sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]), name


def ended(roles: Roles, arn: str) -> dict[str, Any]:
    """Wait for an execution's end and describe it."""

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = roles.demo.client("sagemaker").describe_pipeline_execution(PipelineExecutionArn=arn)
        return None if found["PipelineExecutionStatus"] in ("Executing", "Stopping") else found

    described: dict[str, Any] = eventually(look, pause_seconds=0.1)
    return described


def look_at_artifacts(roles: Roles) -> None:
    """What MLflow's page does with artifacts, which is all that its server itself does in the bucket."""
    url = roles.demo.report["urls"]["mlflow"]
    found = httpx.get(f"{url}/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": "flight-delays"})
    asked = {"experiment_ids": [found.json()["experiment"]["experiment_id"]], "max_results": 1}
    run = httpx.post(f"{url}/api/2.0/mlflow/runs/search", json=asked).json()["runs"][0]["info"]["run_id"]
    uploaded = httpx.post(
        f"{url}/ajax-api/2.0/mlflow/upload-artifact", params={"run_uuid": run, "path": "notes/a.txt"}, content=b"a"
    )
    assert uploaded.status_code == 200, uploaded.text
    listed = httpx.get(f"{url}/ajax-api/2.0/mlflow/artifacts/list", params={"run_id": run, "path": "notes"}).json()
    assert [one["path"] for one in listed["files"]] == ["notes/a.txt"]
    assert httpx.get(f"{url}/get-artifact", params={"run_uuid": run, "path": "notes/a.txt"}).content == b"a"


@pytest.mark.parametrize("role", ROLES)
def test_only_actions_without_resources_are_allowed_on_everything(roles: Roles, role: str) -> None:
    """`*` stands only where no ARN can, and no action is named by a pattern."""
    statements = roles.statements(role)
    assert statements
    for statement in statements:
        assert not [action for action in statement["Action"] if "*" in action]
        if "*" in statement["Resource"]:
            assert set(statement["Action"]) <= WITHOUT_RESOURCES.keys()


def test_nothing_that_the_platform_does_is_refused(worked: Roles) -> None:
    """The policies hold all that a run, its predictions and MLflow need."""
    refused = {(one.role, one.action, one.resource) for one in worked.decisions() if not one.allowed}
    assert refused == set()


@pytest.mark.parametrize("role", ROLES)
def test_a_role_holds_what_its_work_needs_and_no_more(worked: Roles, role: str) -> None:
    """The actions that the gate saw this role use are the actions of its policies."""
    eventually(lambda: worked.actions(role) <= set(worked.used()[role]), attempts=50, pause_seconds=0.1)
    assert set(worked.used()[role]) == worked.actions(role)


@pytest.mark.parametrize("role", ROLES)
def test_without_any_one_action_the_role_is_refused_by_name(worked: Roles, role: str) -> None:
    """For each action: the request that needed it, made again by a role that has all the others."""
    used = worked.used()[role]
    assert used.keys() == worked.actions(role)
    session = None
    for action, decision in used.items():
        arn = worked.without(role, action)
        session = session or worked.session(arn)
        said = session.replay(decision)
        assert "AccessDenied" in said or said.startswith("403: "), (action, said)
        assert (
            f"assumed-role/{arn.rsplit('/', 1)[-1]}/replay is not authorized to perform: {action} on resource" in said
        )
        assert decision.resource in said, (decision, said)


# What lacks, and the job that then fails: some for the cloud's acts, some for those of the job's own code.
LACKING: Mapping[str, tuple[str, str, str]] = {
    "ingest": ("processing", "ingest", "s3:GetObject"),
    "validate": ("processing", "validate", "s3:ListBucket"),
    "train": ("training", "train-logistic", "sagemaker:CallMlflowAppApi"),
    "govern": ("processing", "govern", "s3:PutObject"),
    "register": ("processing", "register", "sagemaker:ListModelPackages"),
}


def test_a_job_that_lacks_an_action_fails_with_the_reason(roles: Roles) -> None:
    """FailureReason names action, resource and role, whether the cloud or the job's code was refused."""
    begun = {}
    for role, (kind, step, action) in LACKING.items():
        arn = roles.without(role, action)
        begun[role] = (arn, action, roles.run(kind, f"lacking-{role}", {**roles.job(kind, step), "RoleArn": arn}))
    for role, (arn, action, wait) in begun.items():
        described = wait()
        assert "Failed" in (described.get("ProcessingJobStatus"), described.get("TrainingJobStatus")), role
        reason = described["FailureReason"] + described.get("ExitMessage", "")
        assert f"is not authorized to perform: {action} on resource: " in reason, (role, reason)
        assert f"{arn.rsplit('/', 1)[-1]}/SageMaker-lacking-{role}" in reason, (role, reason)


def test_a_pipeline_that_may_not_pass_a_role_fails_with_the_reason(roles: Roles) -> None:
    """The step says which role its pipeline may not pass on."""
    arn, name = pipeline_of(roles, roles.without("pipeline", "iam:PassRole"), "not-passing")
    assert ended(roles, arn)["PipelineExecutionStatus"] == "Failed"
    sagemaker = roles.demo.client("sagemaker")
    steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    reasons = [step["FailureReason"] for step in steps if "FailureReason" in step]
    assert reasons
    for reason in reasons:
        assert "is not authorized to perform: iam:PassRole on resource: arn:aws:iam::000000000000:role/stile" in reason
    sagemaker.delete_pipeline(PipelineName=name)
