"""SageMaker processing jobs: they run here, with their image, inputs, log, exit code and outputs."""

from collections.abc import Iterator, Mapping
from typing import Any

from localstack.aws.api import RequestContext

from infra.localcloud.aws.arns import sagemaker_arn
from infra.localcloud.aws.failures import validation
from infra.localcloud.aws.operations import Request
from infra.localcloud.aws.sagemaker.job_cloud import assume, begin, check_bucket, check_image, check_role
from infra.localcloud.aws.sagemaker.job_operations import entry, operations
from infra.localcloud.aws.sagemaker.job_records import JobRecord, Jobs, echo, keep, refuse_unsupported
from infra.localcloud.aws.sagemaker.store import store
from infra.localcloud.jobs.contract_sagemaker import PROCESSING_ROOT, processing_request

JOBS = Jobs("Could not find requested job with name: {}")
LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
# Members of CreateProcessingJob that DescribeProcessingJob answers as they came.
ECHOED = (
    "ProcessingInputs",
    "ProcessingOutputConfig",
    "ProcessingResources",
    "StoppingCondition",
    "AppSpecification",
    "Environment",
    "NetworkConfig",
    "RoleArn",
    "ExperimentConfig",
)


def create(context: RequestContext, request: Request) -> dict[str, str]:
    """CreateProcessingJob. Inputs are looked for when the job runs, as the vendor does."""
    name, role, region = request["ProcessingJobName"], request["RoleArn"], context.region
    _check(request)
    store(context).tags.check(request.get("Tags"))
    check_role(role, region)
    check_image(request["AppSpecification"]["ImageUri"])
    for item in _outputs(request):
        check_bucket(item["S3Output"]["S3Uri"], region)
    session = assume(role, name, region)
    record = JobRecord(name=name, arn=sagemaker_arn(context, "processing-job", name), request=request)
    keep(JOBS, context, record)
    begin(record, processing_request(request, record.arn), session, LOG_GROUP, lambda line: None)
    return {"ProcessingJobArn": record.arn}


def describe(context: RequestContext, request: Request) -> dict[str, Any]:
    """DescribeProcessingJob."""
    record = JOBS.of(context).get(request["ProcessingJobName"])
    return {**_summary(record), **echo(record.request, ECHOED), **record.times("Processing")}


def _inputs(request: Request) -> list[Mapping[str, Any]]:
    return list(request.get("ProcessingInputs") or ())


def _outputs(request: Request) -> list[Mapping[str, Any]]:
    return list((request.get("ProcessingOutputConfig") or {}).get("Outputs") or ())


def _check(request: Request) -> None:
    sources = [item.get("S3Input") for item in _inputs(request)]
    targets = [item.get("S3Output") for item in _outputs(request)]
    cluster = request["ProcessingResources"]["ClusterConfig"]
    refuse_unsupported(
        {
            "InstanceCount above 1": cluster["InstanceCount"] != 1,
            "An input without S3Input": not all(sources),
            "An output without S3Output": not all(targets),
            "An input of type ManifestFile": any(item["S3DataType"] != "S3Prefix" for item in sources if item),
            "S3InputMode Pipe": any(item.get("S3InputMode") == "Pipe" for item in sources if item),
            "S3CompressionType Gzip": any(item.get("S3CompressionType") == "Gzip" for item in sources if item),
            "S3UploadMode Continuous": any(item["S3UploadMode"] == "Continuous" for item in targets if item),
        }
    )
    for problem in _problems(request):
        raise validation(problem)


def _problems(request: Request) -> Iterator[str]:
    inputs = [(item["InputName"], item["S3Input"]) for item in _inputs(request)]
    outputs = [(item["OutputName"], item["S3Output"]) for item in _outputs(request)]
    for label, named in (("input", inputs), ("output", outputs)):
        names = [name for name, _ in named]
        if len(set(names)) != len(names):
            yield f"Processing {label} names must be unique: {', '.join(names)}"
    paths = [item.get("LocalPath") for _, item in (*inputs, *outputs)]
    for path in paths:
        if not path or not f"{path}/".startswith(f"{PROCESSING_ROOT}/"):
            yield f"LocalPath must be an absolute path below {PROCESSING_ROOT}, not {path}"
    if len(set(paths)) != len(paths):
        yield "LocalPath must be unique among the inputs and outputs of a processing job"


def _summary(record: JobRecord) -> dict[str, Any]:
    result = record.result
    said = {"FailureReason": record.failure_reason, "ExitMessage": result.message if result else None}
    return {**entry("Processing", record), **{name: text for name, text in said.items() if text}}


OPERATIONS = operations("Processing", JOBS, create, describe, _summary)
