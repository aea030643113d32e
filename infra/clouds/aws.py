"""Runs, model versions and predictions on SageMaker, through boto3."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from infra.clouds import Answer, Live, ModelVersion, Run, RunStatus, Step, StepStatus
from infra.clouds.aws_calls import Aws, told
from infra.clouds.aws_logs import AwsLog

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
# A job's kind in its ARN -> how it is described, and its name and status in requests and answers.
JOBS = {
    "training-job": ("describe_training_job", "TrainingJobName", "TrainingJobStatus"),
    "processing-job": ("describe_processing_job", "ProcessingJobName", "ProcessingJobStatus"),
}
NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
JOB_IS_OVER = ("Completed", "Failed", "Stopped")
IN_SERVICE = "InService"
# While an endpoint changes or goes back, what was live before serves on.
# source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html
SERVING = (IN_SERVICE, "Updating", "SystemUpdating", "RollingBack")


def connect(variables: Mapping[str, str]) -> "AwsCloud":
    """Connect with the environment's variables, and with the SDK's own credential chain where they name none."""
    return AwsCloud(Aws(variables))


class AwsCloud:
    """SageMaker's side of `Cloud`."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    @told
    def put_files(self, bucket: str, files: Mapping[str, Path]) -> int:
        """Upload what the bucket does not hold yet with this size."""
        s3 = self._aws.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        held = {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", [])}
        missing = {key: path for key, path in files.items() if held.get(key) != path.stat().st_size}
        for key, path in missing.items():
            s3.upload_file(str(path), bucket, key)
        return len(missing)

    @told
    def start_run(self, pipeline: str, parameters: Mapping[str, str]) -> str:
        """Start a pipeline execution; return its ARN."""
        answer = self._aws.client("sagemaker").start_pipeline_execution(
            PipelineName=pipeline,
            PipelineParameters=[{"Name": name, "Value": value} for name, value in parameters.items()],
        )
        return str(answer["PipelineExecutionArn"])

    @told
    def run(self, execution: str) -> Run:
        """Describe an execution and its steps."""
        sagemaker = self._aws.client("sagemaker")
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
            started=described["CreationTime"],
        )

    @told
    def stop_run(self, execution: str) -> None:
        """Stop an execution and its jobs."""
        self._aws.client("sagemaker").stop_pipeline_execution(
            PipelineExecutionArn=execution, ClientRequestToken=f"stop-{execution.rpartition('/')[2]}".ljust(32, "-")
        )

    @told
    def newest_run(self, pipeline: str) -> str | None:
        """The ARN of the newest execution, or None."""
        found = self._aws.client("sagemaker").list_pipeline_executions(
            PipelineName=pipeline, SortBy="CreationTime", SortOrder="Descending", MaxResults=1
        )["PipelineExecutionSummaries"]
        return str(found[0]["PipelineExecutionArn"]) if found else None

    @told
    def read_object(self, bucket: str, key: str) -> bytes:
        """Read an object whole."""
        body: bytes = self._aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    @told
    def find_job(self, name: str) -> str | None:
        """The job of that name, of whatever kind."""
        if not NAME.fullmatch(name):
            return None
        return next((f"{kind}/{name}" for kind in JOBS if self._job_status(f"{kind}/{name}") is not None), None)

    @told
    def is_over(self, job: str) -> bool:
        """True for a job that will write no more."""
        return self._job_status(job) in JOB_IS_OVER

    def log(self, source: str, since: datetime | None = None) -> AwsLog:
        """A log in CloudWatch Logs."""
        return AwsLog(self._aws.client("logs"), source, since)

    def _job_status(self, job: str) -> str | None:
        kind, _, name = job.partition("/")
        operation, key, status = JOBS[kind]
        try:
            return str(getattr(self._aws.client("sagemaker"), operation)(**{key: name})[status])
        except ClientError as error:
            if _is_missing(error):
                return None
            raise

    @told
    def versions(self, group: str) -> list[ModelVersion]:
        """All packages of a group, newest first."""
        sagemaker = self._aws.client("sagemaker")
        pages = sagemaker.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending"
        )
        arns = [item["ModelPackageArn"] for page in pages for item in page["ModelPackageSummaryList"]]
        described = [_version(sagemaker.describe_model_package(ModelPackageName=arn)) for arn in arns]
        return sorted(described, key=lambda item: -item.version)

    def find_endpoint(self, name: str) -> str | None:
        """The name itself, by which SageMaker knows it, unless none is named so."""
        return name if NAME.fullmatch(name) else None

    @told
    def live(self, endpoint: str) -> Live | None:
        """The endpoint's configuration, and the model of its first variant."""
        try:
            found = self._aws.client("sagemaker").describe_endpoint(EndpointName=endpoint)
        except ClientError as error:
            if _is_missing(error):
                return None
            raise
        known = self._serving_environment(found["EndpointConfigName"])
        version = known.get("STILE_MODEL_VERSION", "")
        return Live(
            endpoint=endpoint,
            status=found["EndpointStatus"],
            is_serving=found["EndpointStatus"] in SERVING,
            is_steady=found["EndpointStatus"] == IN_SERVICE,
            config=found["EndpointConfigName"],
            version=int(version) if version.isdigit() else None,
            sha256=known.get("STILE_MODEL_SHA256"),
            since=_began(found),
            reason=found.get("FailureReason"),
        )

    def _serving_environment(self, config: str) -> Mapping[str, str]:
        """The variables of a configuration's model; empty where one of the two was deleted."""
        sagemaker = self._aws.client("sagemaker")
        try:
            variants = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
            model = sagemaker.describe_model(ModelName=variants[0]["ModelName"])
        except ClientError as error:
            if _is_missing(error):
                return {}
            raise
        container = model.get("PrimaryContainer") or (model.get("Containers") or [{}])[0]
        environment: Mapping[str, str] = container.get("Environment", {})
        return environment

    @told
    def predict(self, endpoint: str, instances: Sequence[Mapping[str, Any]]) -> Answer:
        """Invoke the endpoint with one JSON request."""
        started = time.perf_counter()
        answer = self._aws.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint, ContentType="application/json", Body=json.dumps({"instances": list(instances)})
        )
        body: bytes = answer["Body"].read()
        seconds = time.perf_counter() - started
        payload = json.loads(body)  # the serving container's own
        return Answer(payload["predictions"], payload["model"], seconds)

    @told
    def tracking_url(self, tracking: str) -> str:
        """A presigned URL of the MLflow App or the tracking server, by its ARN."""
        sagemaker = self._aws.client("sagemaker")
        kind, _, name = tracking.rpartition(":")[2].partition("/")
        if kind == "mlflow-app":
            return str(sagemaker.create_presigned_mlflow_app_url(Arn=tracking)["AuthorizedUrl"])
        return str(sagemaker.create_presigned_mlflow_tracking_server_url(TrackingServerName=name)["AuthorizedUrl"])

    def close(self) -> None:
        """Close the connections."""
        self._aws.close()


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
        created=package["CreationTime"],
    )


def _began(endpoint: Mapping[str, Any]) -> datetime:
    """When the live variants began: a failed update touches the endpoint, but not them."""
    images = [image for variant in endpoint.get("ProductionVariants", ()) for image in variant["DeployedImages"]]
    began: datetime = min((image["ResolutionTime"] for image in images), default=endpoint["LastModifiedTime"])
    return began


def _is_missing(error: ClientError) -> bool:
    """Tell a missing thing from any other mistake: SageMaker has one code for both, and says so in words only."""
    detail = error.response.get("Error", {})
    said = detail.get("Message", "").lower()
    missing = any(words in said for words in ("could not find", "not found"))
    return detail.get("Code") == "ResourceNotFound" or (detail.get("Code") == "ValidationException" and missing)
