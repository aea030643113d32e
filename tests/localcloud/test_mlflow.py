"""MLflow Apps and tracking servers are real MLflow servers, reached by their ARN as on the vendor's cloud."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.localcloud.cloud import LocalAws, refusal
from tests.localcloud.endpoint_ground import eventually
from tests.localcloud.job_images import TRUST

# What a job does: it knows the ARN, and the endpoint that the cloud put into its environment.
JOB = """
import mlflow, pathlib
mlflow.set_experiment("flights")
with mlflow.start_run() as run:
    mlflow.log_metric("auc", 0.75)
    mlflow.log_text("kept", "notes/note.txt")
print(run.info.run_id, mlflow.get_run(run.info.run_id).data.metrics["auc"])
"""


@pytest.fixture(scope="module")
def role(local_aws: LocalAws) -> str:
    name = local_aws.name("mlflow-role")
    made = local_aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    return str(made["Role"]["Arn"])


@pytest.fixture(scope="module")
def bucket(local_aws: LocalAws) -> str:
    name = local_aws.name("mlflow-bucket")
    local_aws.client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="module")
def sagemaker(local_aws: LocalAws) -> Any:
    return local_aws.client("sagemaker")


@pytest.fixture(scope="module")
def app(local_aws: LocalAws, sagemaker: Any, role: str, bucket: str) -> str:
    """The ARN of an App that is created."""
    arn = sagemaker.create_mlflow_app(
        Name=local_aws.name("app"),
        ArtifactStoreUri=f"s3://{bucket}/mlflow",
        RoleArn=role,
        Tags=[{"Key": "stile-stage", "Value": "tracking"}],
    )["Arn"]
    assert sagemaker.describe_mlflow_app(Arn=arn)["Status"] == "Creating"
    assert settled(sagemaker, arn) == "Created"
    return str(arn)


def settled(sagemaker: Any, arn: str) -> str:
    """Wait until nothing is under way and return the status."""

    def look() -> str | None:
        status = str(sagemaker.describe_mlflow_app(Arn=arn)["Status"])
        return None if status.endswith("ing") else status

    return str(eventually(look, attempts=3000))


@pytest.mark.slow
def test_a_job_tracks_by_the_apps_arn(
    local_aws: LocalAws, sagemaker: Any, app: str, bucket: str, tmp_path: Path
) -> None:
    """Protects: metrics reach the server and artifacts the bucket, with the ARN as the only tracking URI."""
    url = sagemaker.create_presigned_mlflow_app_url(Arn=app)["AuthorizedUrl"]
    environment = {
        **os.environ,
        **local_aws.environment,
        "MLFLOW_TRACKING_URI": app,
        "SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT": url,
    }
    done = subprocess.run(
        [sys.executable, "-c", JOB], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    run_id, auc = done.stdout.splitlines()[-1].split()
    assert auc == "0.75"
    objects = local_aws.client("s3").list_objects_v2(Bucket=bucket, Prefix="mlflow/")["Contents"]
    assert [one["Key"] for one in objects] == [f"mlflow/1/{run_id}/artifacts/notes/note.txt"]
    found = httpx.get(f"{url}/api/2.0/mlflow/runs/get", params={"run_id": run_id}).json()
    assert found["run"]["data"]["metrics"][0]["key"] == "auc"


@pytest.mark.slow
def test_an_app_is_described_listed_updated_and_deleted(
    local_aws: LocalAws, sagemaker: Any, app: str, role: str, bucket: str
) -> None:
    """Protects: what the provider reads and waits for, and that no process outlives its App."""
    described = sagemaker.describe_mlflow_app(Arn=app)
    assert described["ArtifactStoreUri"] == f"s3://{bucket}/mlflow"
    assert described["ModelRegistrationMode"] == "AutoModelRegistrationDisabled"
    assert sagemaker.list_tags(ResourceArn=app)["Tags"] == [{"Key": "stile-stage", "Value": "tracking"}]
    with refusal("ConflictException"):
        sagemaker.create_mlflow_app(Name=described["Name"], ArtifactStoreUri=f"s3://{bucket}/x", RoleArn=role)
    with refusal("InternalFailure"):
        sagemaker.update_mlflow_app(Arn=app, ModelRegistrationMode="AutoModelRegistrationEnabled")
    sagemaker.update_mlflow_app(Arn=app, WeeklyMaintenanceWindowStart="Sun:04:30")
    assert settled(sagemaker, app) == "Updated"
    assert sagemaker.describe_mlflow_app(Arn=app)["WeeklyMaintenanceWindowStart"] == "Sun:04:30"
    assert app in [one["Arn"] for one in sagemaker.list_mlflow_apps(Status="Updated")["Summaries"]]
    sagemaker.delete_mlflow_app(Arn=app)
    eventually(lambda: is_gone(sagemaker, app))
    identity = app.rsplit("/", 1)[1]
    running = [" ".join(one.cmdline()) for one in psutil.Process(local_aws.cloud.pid).children(recursive=True)]
    assert [line for line in running if identity in line] == []


def is_gone(sagemaker: Any, arn: str) -> bool:
    try:
        sagemaker.describe_mlflow_app(Arn=arn)
    except sagemaker.exceptions.ResourceNotFound:
        return True
    return False


@pytest.mark.slow
def test_a_tracking_server_keeps_its_records_over_a_stop(
    local_aws: LocalAws, sagemaker: Any, role: str, bucket: str
) -> None:
    """Protects: stop and start of a tracking server lose no experiment."""
    name = local_aws.name("tracking")
    sagemaker.create_mlflow_tracking_server(
        TrackingServerName=name, ArtifactStoreUri=f"s3://{bucket}/server", RoleArn=role
    )

    def described(status: str) -> Any:
        found = sagemaker.describe_mlflow_tracking_server(TrackingServerName=name)
        assert not found["TrackingServerStatus"].endswith("Failed")
        return found if found["TrackingServerStatus"] == status else None

    url = eventually(lambda: described("Created"), attempts=3000)["TrackingServerUrl"]
    made = httpx.post(f"{url}/api/2.0/mlflow/experiments/create", json={"name": "kept"}).json()["experiment_id"]
    sagemaker.stop_mlflow_tracking_server(TrackingServerName=name)
    assert eventually(lambda: described("Stopped"))["IsActive"] == "Inactive"
    (listed,) = sagemaker.list_mlflow_tracking_servers(TrackingServerStatus="Stopped")["TrackingServerSummaries"]
    assert listed["TrackingServerName"] == name
    with refusal("ConflictException", "not running"):
        sagemaker.create_presigned_mlflow_tracking_server_url(TrackingServerName=name)
    sagemaker.start_mlflow_tracking_server(TrackingServerName=name)
    url = eventually(lambda: described("Started"), attempts=3000)["TrackingServerUrl"]
    got = httpx.get(f"{url}/api/2.0/mlflow/experiments/get", params={"experiment_id": made}).json()
    assert got["experiment"]["name"] == "kept"
    sagemaker.delete_mlflow_tracking_server(TrackingServerName=name)


def test_an_app_without_bucket_role_or_name_is_refused(sagemaker: Any, role: str, bucket: str) -> None:
    """Protects: an App that could never work is refused when asked for."""
    with refusal("ValidationException", "bucket does not exist"):
        sagemaker.create_mlflow_app(Name="none", ArtifactStoreUri="s3://none-such-bucket/x", RoleArn=role)
    with refusal("ValidationException", "Could not assume role"):
        sagemaker.create_mlflow_app(Name="none", ArtifactStoreUri=f"s3://{bucket}/x", RoleArn=f"{role}x")
    with refusal("ResourceNotFound"):
        sagemaker.describe_mlflow_app(Arn="arn:aws:sagemaker:us-east-1:000000000000:mlflow-app/app-NONE")
