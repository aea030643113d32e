"""Runs, model versions and predictions on SageMaker, through boto3."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.clouds import Answer, ModelVersion, Run, RunStatus, Step, StepStatus, parse_answer
from infra.errors import CloudError

RUN_STATUSES: dict[str, RunStatus] = {
    "Executing": "running",
    "Stopping": "running",
    "Stopped": "stopped",
    "Failed": "failed",
    "Succeeded": "succeeded",
}
STEP_STATUSES: dict[str, StepStatus] = {
    "Starting": "starting",
    "Executing": "running",
    "Stopping": "running",
    "Stopped": "stopped",
    "Failed": "failed",
    "Succeeded": "succeeded",
}
LOG_GROUPS = {"training-job": "/aws/sagemaker/TrainingJobs", "processing-job": "/aws/sagemaker/ProcessingJobs"}

P = ParamSpec("P")
R = TypeVar("R")


def _told(call: Callable[P, R]) -> Callable[P, R]:
    """Turn the SDK's errors into ours: operation, code and the vendor's message."""

    @wraps(call)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return call(*args, **kwargs)
        except ClientError as error:
            detail = error.response.get("Error", {})
            raise CloudError(f"{error.operation_name}: {detail.get('Code')}: {detail.get('Message')}") from error
        except BotoCoreError as error:
            raise CloudError(str(error), fix="check the region and the credentials; `stile doctor`") from error

    return wrapped


def connect(variables: Mapping[str, str]) -> "AwsCloud":
    """Connect with the environment's variables, and with the SDK's own credential chain where they name none."""
    session = boto3.session.Session(
        aws_access_key_id=variables.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=variables.get("AWS_SECRET_ACCESS_KEY"),
        region_name=variables.get("AWS_REGION"),
    )
    return AwsCloud(session, variables.get("AWS_ENDPOINT_URL"))


class AwsCloud:
    """SageMaker's side of `Cloud`."""

    def __init__(self, session: boto3.session.Session, endpoint_url: str | None) -> None:
        self._clients: dict[str, Any] = {}
        self._session = session
        self._endpoint_url = endpoint_url

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._session.client(service, endpoint_url=self._endpoint_url)
        return self._clients[service]

    @_told
    def put_files(self, bucket: str, files: Mapping[str, Path]) -> int:
        """Upload what the bucket does not hold yet with this size."""
        s3 = self._client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        held = {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", [])}
        missing = {key: path for key, path in files.items() if held.get(key) != path.stat().st_size}
        for key, path in missing.items():
            s3.upload_file(str(path), bucket, key)
        return len(missing)

    @_told
    def start_run(self, pipeline: str, parameters: Mapping[str, str]) -> str:
        """Start a pipeline execution; return its ARN."""
        answer = self._client("sagemaker").start_pipeline_execution(
            PipelineName=pipeline,
            PipelineParameters=[{"Name": name, "Value": value} for name, value in parameters.items()],
        )
        return str(answer["PipelineExecutionArn"])

    @_told
    def run(self, execution: str) -> Run:
        """Describe an execution and its steps."""
        sagemaker = self._client("sagemaker")
        described = sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)
        pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
            PipelineExecutionArn=execution, SortOrder="Ascending"
        )
        steps = tuple(_step(item) for page in pages for item in page["PipelineExecutionSteps"])
        return Run(
            execution=execution.rpartition("/")[2],
            status=RUN_STATUSES[described["PipelineExecutionStatus"]],
            steps=steps,
            reason=described.get("FailureReason"),
        )

    @_told
    def stop_run(self, execution: str) -> None:
        """Stop an execution and its jobs."""
        self._client("sagemaker").stop_pipeline_execution(
            PipelineExecutionArn=execution, ClientRequestToken=f"stop-{execution.rpartition('/')[2]}".ljust(32, "-")
        )

    @_told
    def newest_run(self, pipeline: str) -> str | None:
        """The ARN of the newest execution, or None."""
        found = self._client("sagemaker").list_pipeline_executions(
            PipelineName=pipeline, SortBy="CreationTime", SortOrder="Descending", MaxResults=1
        )["PipelineExecutionSummaries"]
        return str(found[0]["PipelineExecutionArn"]) if found else None

    @_told
    def read_object(self, bucket: str, key: str) -> bytes:
        """Read an object whole."""
        body: bytes = self._client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    @_told
    def log_lines(self, job: str, step: str, limit: int) -> Iterator[str]:
        """The last lines of a job in CloudWatch Logs."""
        kind, _, name = job.partition("/")
        logs = self._client("logs")
        streams = logs.describe_log_streams(logGroupName=LOG_GROUPS[kind], logStreamNamePrefix=f"{name}/")["logStreams"]
        lines: list[str] = []
        for stream in streams:
            events = logs.get_log_events(
                logGroupName=LOG_GROUPS[kind], logStreamName=stream["logStreamName"], limit=limit, startFromHead=False
            )["events"]
            lines += [event["message"] for event in events]
        return iter(lines[-limit:])

    @_told
    def versions(self, group: str) -> list[ModelVersion]:
        """All packages of a group, newest first."""
        sagemaker = self._client("sagemaker")
        pages = sagemaker.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending"
        )
        arns = [item["ModelPackageArn"] for page in pages for item in page["ModelPackageSummaryList"]]
        described = [_version(sagemaker.describe_model_package(ModelPackageName=arn)) for arn in arns]
        return sorted(described, key=lambda item: -item.version)

    def endpoint_status(self, endpoint: str) -> str:
        """EndpointStatus, or `none`."""
        try:
            return str(self._client("sagemaker").describe_endpoint(EndpointName=endpoint)["EndpointStatus"])
        except ClientError as error:
            if "Could not find endpoint" in str(error):
                return "none"
            raise CloudError(str(error)) from error

    @_told
    def predict(self, endpoint: str, instances: Sequence[Mapping[str, Any]]) -> Answer:
        """Invoke the endpoint with one JSON request."""
        started = time.perf_counter()
        answer = self._client("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint, ContentType="application/json", Body=json.dumps({"instances": list(instances)})
        )
        body: bytes = answer["Body"].read()
        return parse_answer(body, time.perf_counter() - started)

    @_told
    def tracking_url(self, tracking: str) -> str:
        """A presigned URL of the MLflow App or the tracking server, by its ARN."""
        sagemaker = self._client("sagemaker")
        kind, _, name = tracking.rpartition(":")[2].partition("/")
        if kind == "mlflow-app":
            return str(sagemaker.create_presigned_mlflow_app_url(Arn=tracking)["AuthorizedUrl"])
        return str(sagemaker.create_presigned_mlflow_tracking_server_url(TrackingServerName=name)["AuthorizedUrl"])


def _step(item: Mapping[str, Any]) -> Step:
    started: datetime | None = item.get("StartTime")
    ended: datetime = item.get("EndTime") or datetime.now(UTC)
    jobs = [detail["Arn"].rpartition(":")[2] for detail in item.get("Metadata", {}).values() if "Arn" in detail]
    return Step(
        name=item["StepName"],
        status=STEP_STATUSES[item["StepStatus"]],
        seconds=(ended - started).total_seconds() if started else None,
        job=jobs[0] if jobs else None,
        reason=item.get("FailureReason"),
    )


def _version(package: Mapping[str, Any]) -> ModelVersion:
    properties = package.get("CustomerMetadataProperties", {})
    return ModelVersion(
        version=package["ModelPackageVersion"],
        approved=package["ModelApprovalStatus"] == "Approved",
        reason=package.get("ApprovalDescription", ""),
        sha256=properties.get("sha256", ""),
        properties=properties,
    )
