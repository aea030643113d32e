"""SageMaker training jobs: they run here, with their image, inputs, log, exit code and model."""

import contextlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from localstack.aws.api import RequestContext

from infra.localcloud.aws.arns import sagemaker_arn
from infra.localcloud.aws.failures import validation
from infra.localcloud.aws.operations import Request
from infra.localcloud.aws.sagemaker.job_cloud import assume, begin, check_bucket, check_image, check_input, check_role
from infra.localcloud.aws.sagemaker.job_operations import entry, operations
from infra.localcloud.aws.sagemaker.job_records import JobRecord, Jobs, echo, keep, refuse_unsupported
from infra.localcloud.aws.sagemaker.store import store
from infra.localcloud.jobs.contract_sagemaker import model_uri, training_request

JOBS = Jobs("Requested resource not found.")
LOG_GROUP = "/aws/sagemaker/TrainingJobs"
# Members of CreateTrainingJob that DescribeTrainingJob answers as they came.
ECHOED = (
    "HyperParameters",
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "CheckpointConfig",
    "ResourceConfig",
    "VpcConfig",
    "StoppingCondition",
    "ExperimentConfig",
    "Environment",
    "RetryStrategy",
    "ProfilerConfig",
    "DebugHookConfig",
    "TensorBoardOutputConfig",
)
FLAGS = ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining")


def create(context: RequestContext, request: Request) -> dict[str, str]:
    """CreateTrainingJob."""
    return {"TrainingJobArn": start(request, context, validate_inputs=True).arn}


def start(request: Request, context: RequestContext, *, validate_inputs: bool) -> JobRecord:
    """Validate a request and start its job. Pipelines call it too."""
    name, region = request["TrainingJobName"], context.region
    _check_supported(request)
    store(context).tags.check(request.get("Tags"))
    check_role(request["RoleArn"], region)
    check_image(request["AlgorithmSpecification"]["TrainingImage"])
    check_bucket(request["OutputDataConfig"]["S3OutputPath"], region)
    if request.get("CheckpointConfig"):
        check_bucket(request["CheckpointConfig"]["S3Uri"], region)
    for channel in request.get("InputDataConfig") or () if validate_inputs else ():
        check_input(channel["DataSource"]["S3DataSource"]["S3Uri"], request["RoleArn"], region)
    record = JobRecord(name=name, arn=sagemaker_arn(context, "training-job", name), request=request)
    on_line = _metrics(record)
    session = assume(request["RoleArn"], name, region)
    keep(JOBS, context, record)
    begin(record, training_request(request, record.arn), session, LOG_GROUP, on_line)
    return record


def describe(context: RequestContext, request: Request) -> dict[str, Any]:
    """DescribeTrainingJob."""
    record = JOBS.of(context).get(request["TrainingJobName"])
    answer: dict[str, Any] = {
        "TrainingJobName": record.name,
        "TrainingJobArn": record.arn,
        # Where the model is to go; it is there once the job has completed.
        "ModelArtifacts": {"S3ModelArtifacts": model_uri(training_request(record.request, record.arn))},
        "TrainingJobStatus": record.status,
        "SecondaryStatus": record.secondary,
        "SecondaryStatusTransitions": _transitions(record),
        **echo(record.request, ECHOED),
        **{flag: bool(record.request.get(flag)) for flag in FLAGS},
        **record.times("Training"),
    }
    if record.failure_reason:
        answer["FailureReason"] = record.failure_reason
    if record.metrics:
        answer["FinalMetricDataList"] = [
            {"MetricName": name, "Value": value, "Timestamp": at} for name, (value, at) in record.metrics.items()
        ]
    if record.started and record.finished:
        seconds = max(1, round((record.finished - record.started).total_seconds()))
        answer |= {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": seconds}
    return answer


def _check_supported(request: Request) -> None:
    algorithm, resources = request.get("AlgorithmSpecification"), request.get("ResourceConfig")
    if not algorithm or not resources:
        raise validation("AlgorithmSpecification and ResourceConfig are required for a training job.")
    if not algorithm.get("TrainingImage") and not algorithm.get("AlgorithmName"):
        raise validation("You must specify either TrainingImage or AlgorithmName in AlgorithmSpecification.")
    channels = request.get("InputDataConfig") or ()
    names = [channel["ChannelName"] for channel in channels]
    if len(set(names)) != len(names):
        raise validation(f"Channel names must be unique: {', '.join(names)}")
    sources = [channel["DataSource"].get("S3DataSource") for channel in channels]
    modes = {algorithm["TrainingInputMode"], *(channel.get("InputMode") for channel in channels)}
    refuse_unsupported(
        {
            "AlgorithmName": bool(algorithm.get("AlgorithmName")),
            "InstanceGroups": bool(resources.get("InstanceGroups")),
            "InstanceCount above 1": resources.get("InstanceCount", 1) != 1,
            "TrainingInputMode Pipe": "Pipe" in modes,
            "A channel without S3DataSource": not all(sources),
            "An S3DataType other than S3Prefix": any(
                source["S3DataType"] != "S3Prefix" for source in sources if source
            ),
            "A compressed channel": any(channel.get("CompressionType") == "Gzip" for channel in channels),
            "OutputDataConfig.CompressionType NONE": request["OutputDataConfig"].get("CompressionType") == "NONE",
        }
    )


def _metrics(record: JobRecord) -> Callable[[str], None]:
    definitions = record.request["AlgorithmSpecification"].get("MetricDefinitions") or ()
    patterns = {item["Name"]: _pattern(item["Regex"]) for item in definitions}

    def scan(line: str) -> None:
        for name, pattern in patterns.items():
            found = pattern.search(line)
            if found is not None and found.groups():
                with contextlib.suppress(ValueError):  # what is no number is no metric
                    record.note_metric(name, float(found.group(1)))

    return scan


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise validation(f"The regular expression {text!r} of a metric is not valid: {error}") from error


def _transitions(record: JobRecord) -> list[dict[str, Any]]:
    return [
        {
            "Status": one.status,
            "StatusMessage": one.message,
            "StartTime": one.began,
            **({"EndTime": one.ended} if one.ended else {}),
        }
        for one in record.transitions
    ]


def _summary(record: JobRecord) -> Mapping[str, Any]:
    return {**entry("Training", record), "SecondaryStatus": record.secondary}


OPERATIONS = operations("Training", JOBS, create, describe, _summary)
