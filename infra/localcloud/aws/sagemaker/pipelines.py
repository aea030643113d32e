"""SageMaker pipelines: definitions that are checked when they are given, and executions that really run."""

import os
import secrets
import string
import threading
import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError
from localstack.aws.api import RequestContext

from infra.localcloud.aws.arns import sagemaker_arn
from infra.localcloud.aws.failures import Refusal, conflict, not_found, validation
from infra.localcloud.aws.operations import Operations, Request
from infra.localcloud.aws.paging import Listing
from infra.localcloud.aws.records import Records
from infra.localcloud.aws.sagemaker.job_cloud import check_role, own_client
from infra.localcloud.aws.sagemaker.pipeline_arguments import check_arguments, properties
from infra.localcloud.aws.sagemaker.pipeline_records import (
    ACTIVE,
    ExecutionRecord,
    ParameterRecord,
    PipelineRecord,
    StepRecord,
)
from infra.localcloud.aws.sagemaker.pipeline_runs import ExecutionRun
from infra.localcloud.aws.sagemaker.store import store
from infra.localcloud.jobs.definition import DefinitionError, UnsupportedError
from infra.localcloud.jobs.definition_sagemaker import Definition, parse
from infra.localcloud.jobs.expressions_sagemaker import Value

ID_LETTERS = string.ascii_lowercase + string.digits
ID_CHARACTERS = 12
MAX_PARALLEL_STEPS = 50
DESCRIBED = ("PipelineDisplayName", "PipelineDescription", "RoleArn", "ParallelismConfiguration")


class Place:
    """The pipelines and executions of one account and region."""

    def __init__(self, context: RequestContext) -> None:
        self._prefix = sagemaker_arn(context, "pipeline")
        self.pipelines: Records[PipelineRecord] = Records(self._missing_pipeline, _taken)
        self.executions: Records[ExecutionRecord] = Records(_missing_execution, _taken)

    def _missing_pipeline(self, name: str) -> Refusal:
        arn = name if name.startswith("arn:") else f"{self._prefix}/{name.lower()}"
        return not_found(f"Pipeline '{arn}' does not exist.")


_PLACES: dict[tuple[str, str], Place] = {}
_LOCK = threading.Lock()


def place(context: RequestContext) -> Place:
    """Return the pipelines of the request's account and region."""
    with _LOCK:
        key = (context.account_id, context.region)
        if key not in _PLACES:
            _PLACES[key] = Place(context)
        return _PLACES[key]


def create(context: RequestContext, request: Request) -> dict[str, str]:
    """CreatePipeline; the same token again is the same request."""
    pipelines, name = place(context).pipelines, request["PipelineName"]
    found = pipelines.find(name)
    if found is not None and found.token == request["ClientRequestToken"]:
        return {"PipelineArn": found.arn}
    if found is not None:
        raise _taken(name)
    text = _text(context, request)
    if text is None:
        raise validation("One of PipelineDefinition and PipelineDefinitionS3Location is required.")
    definition = _definition(text)
    store(context).tags.check(request.get("Tags"))
    check_role(request["RoleArn"], context.region)
    record = PipelineRecord(
        name=name,
        arn=sagemaker_arn(context, "pipeline", name),
        request=request,
        text=text,
        definition=definition,
        token=request["ClientRequestToken"],
    )
    pipelines.add(record)
    store(context).tags.begin(record.arn, request.get("Tags"))
    return {"PipelineArn": record.arn}


def update(context: RequestContext, request: Request) -> dict[str, str]:
    """UpdatePipeline; executions that run keep the definition that they began with."""
    record = place(context).pipelines.get(request["PipelineName"])
    text = _text(context, request)
    definition = _definition(text) if text is not None else None
    if request.get("RoleArn"):
        check_role(request["RoleArn"], context.region)
    with place(context).pipelines.locked():
        record.request = {**record.request, **{name: value for name, value in request.items() if value is not None}}
        if text is not None and definition is not None:
            record.text, record.definition = text, definition
        record.touch()
    return {"PipelineArn": record.arn}


def describe(context: RequestContext, request: Request) -> dict[str, Any]:
    """DescribePipeline."""
    record = place(context).pipelines.get(request["PipelineName"])
    return {
        "PipelineArn": record.arn,
        "PipelineName": record.name,
        "PipelineDefinition": record.text,
        "PipelineStatus": "Active",
        "CreationTime": record.created,
        "LastModifiedTime": record.modified,
        **_known(record.request, DESCRIBED),
        **({"LastRunTime": record.last_run} if record.last_run else {}),
    }


def delete(context: RequestContext, request: Request) -> dict[str, str]:
    """DeletePipeline, with its executions; not while one of them runs."""
    here = place(context)
    record = here.pipelines.get(request["PipelineName"])
    executions = [one for one in here.executions.all() if one.pipeline is record]
    if any(one.status in ACTIVE for one in executions):
        raise conflict(f"Pipeline '{record.arn}' has running executions. Stop them before deleting the pipeline.")
    here.pipelines.remove(record.name)
    store(context).tags.end(record.arn)
    for execution in executions:
        here.executions.remove(execution.name)
    return {"PipelineArn": record.arn}


def list_pipelines(context: RequestContext, request: Request) -> dict[str, Any]:
    """ListPipelines."""
    prefix = request.get("PipelineNamePrefix") or ""
    found = [record for record in place(context).pipelines.all() if record.name.startswith(prefix)]
    return PIPELINES.page(found, request)


def start(context: RequestContext, request: Request) -> dict[str, str]:
    """StartPipelineExecution; the same token again is the same execution."""
    here = place(context)
    pipeline = here.pipelines.get(request["PipelineName"])
    if request.get("SelectiveExecutionConfig"):
        raise NotImplementedError("SelectiveExecutionConfig is not implemented in the local cloud.")
    values = _values(pipeline.definition, request)
    with here.executions.locked():
        for known in here.executions.all():
            if known.pipeline is pipeline and known.request["ClientRequestToken"] == request["ClientRequestToken"]:
                return {"PipelineExecutionArn": known.arn}
        record = here.executions.add(_execution(context, pipeline, request, values))
    ExecutionRun(record, context).start()
    pipeline.last_run = record.created
    return {"PipelineExecutionArn": record.arn}


def describe_execution(context: RequestContext, request: Request) -> dict[str, Any]:
    """DescribePipelineExecution."""
    record = _get_execution(context, request)
    return {
        "PipelineArn": record.pipeline.arn,
        "PipelineExecutionArn": record.arn,
        "PipelineExecutionDisplayName": record.display_name,
        "PipelineExecutionStatus": record.status,
        "CreationTime": record.created,
        "LastModifiedTime": record.modified,
        **_known(record.request, ("PipelineExecutionDescription", "ParallelismConfiguration")),
        **({"FailureReason": record.reason} if record.reason else {}),
    }


def describe_definition(context: RequestContext, request: Request) -> dict[str, Any]:
    """DescribePipelineDefinitionForExecution."""
    record = _get_execution(context, request)
    return {"PipelineDefinition": record.text, "CreationTime": record.created}


def list_executions(context: RequestContext, request: Request) -> dict[str, Any]:
    """ListPipelineExecutions."""
    pipeline = place(context).pipelines.get(request["PipelineName"])
    found = [record for record in place(context).executions.all() if record.pipeline is pipeline]
    return EXECUTIONS.page(found, request)


def list_steps(context: RequestContext, request: Request) -> dict[str, Any]:
    """ListPipelineExecutionSteps: those that have begun. The model has the ARN optional, the vendor does not."""
    if not request.get("PipelineExecutionArn"):
        raise validation("PipelineExecutionArn is required.")
    return STEPS.page(list(_get_execution(context, request).steps.values()), request)


def list_parameters(context: RequestContext, request: Request) -> dict[str, Any]:
    """ListPipelineParametersForExecution: given values and defaults."""
    record = _get_execution(context, request)
    found = [
        ParameterRecord(name=name, arn=name, created=record.created, value=_spelled(value))
        for name, value in record.values.items()
    ]
    return PARAMETERS.page(found, request)


def stop(context: RequestContext, request: Request) -> dict[str, str]:
    """StopPipelineExecution; stopping again is no error, stopping what has ended is."""
    record = _get_execution(context, request)
    if record.status not in ACTIVE:
        raise conflict(f"Pipeline execution '{record.arn}' has already ended with status {record.status}.")
    record.stop()
    return {"PipelineExecutionArn": record.arn}


def _get_execution(context: RequestContext, request: Request) -> ExecutionRecord:
    return place(context).executions.get(request["PipelineExecutionArn"])


def _execution(
    context: RequestContext, pipeline: PipelineRecord, request: Request, values: Mapping[str, Value]
) -> ExecutionRecord:
    identifier = "".join(secrets.choice(ID_LETTERS) for _ in range(ID_CHARACTERS))
    asked = request.get("ParallelismConfiguration") or pipeline.request.get("ParallelismConfiguration") or {}
    return ExecutionRecord(
        name=identifier,
        arn=f"{pipeline.arn}/execution/{identifier}",
        pipeline=pipeline,
        request=request,
        text=pipeline.text,
        definition=pipeline.definition,
        values=values,
        display_name=request.get("PipelineExecutionDisplayName") or f"execution-{int(time.time() * 1000)}",
        # The vendor's default, but no more than this machine can carry.
        parallelism=min(asked.get("MaxParallelExecutionSteps", MAX_PARALLEL_STEPS), os.cpu_count() or 1),
    )


def _text(context: RequestContext, request: Request) -> str | None:
    location = request.get("PipelineDefinitionS3Location")
    if not location:
        text: str | None = request.get("PipelineDefinition")
        return text
    version = {"VersionId": location["VersionId"]} if location.get("VersionId") else {}
    try:
        found = own_client("s3", context.region).get_object(
            Bucket=location["Bucket"], Key=location["ObjectKey"], **version
        )
    except ClientError as error:
        raise validation(f"PipelineDefinitionS3Location cannot be read: {error}") from error
    content: bytes = found["Body"].read()
    return content.decode()


def _definition(text: str) -> Definition:
    try:
        definition = parse(text, properties())
        check_arguments(definition)
    except DefinitionError as error:
        raise validation(f"Unable to parse pipeline definition. {error}") from error
    except UnsupportedError as error:
        raise NotImplementedError(str(error)) from error
    return definition


def _values(definition: Definition, request: Request) -> dict[str, Value]:
    given = request.get("PipelineParameters") or ()
    try:
        return definition.values({item["Name"]: item["Value"] for item in given})
    except DefinitionError as error:
        raise validation(str(error)) from error


def _spelled(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _known(request: Mapping[str, Any], members: tuple[str, ...]) -> dict[str, Any]:
    return {member: request[member] for member in members if request.get(member) is not None}


def _taken(name: str) -> Refusal:
    return validation(
        "Pipeline names must be unique within an AWS account and region. "
        f"Pipeline with name ({name.rsplit('/', 1)[-1]}) already exists."
    )


def _missing_execution(arn: str) -> Refusal:
    return not_found(f"Pipeline execution '{arn}' does not exist.")


def _pipeline_summary(record: PipelineRecord) -> dict[str, Any]:
    described = _known(record.request, ("PipelineDisplayName", "PipelineDescription", "RoleArn"))
    return {
        "PipelineArn": record.arn,
        "PipelineName": record.name,
        "CreationTime": record.created,
        "LastModifiedTime": record.modified,
        **described,
        **({"LastExecutionTime": record.last_run} if record.last_run else {}),
    }


def _execution_summary(record: ExecutionRecord) -> dict[str, Any]:
    return {
        "PipelineExecutionArn": record.arn,
        "StartTime": record.created,
        "PipelineExecutionStatus": record.status,
        "PipelineExecutionDisplayName": record.display_name,
        **_known(record.request, ("PipelineExecutionDescription",)),
        **({"PipelineExecutionFailureReason": record.reason} if record.reason else {}),
    }


def _step_summary(record: StepRecord) -> dict[str, Any]:
    told = {
        "StepDisplayName": record.display_name,
        "StepDescription": record.description,
        "EndTime": record.ended,
        "FailureReason": record.reason,
        "Metadata": {f"{record.type}Job": {"Arn": record.job.arn}} if record.job else None,
    }
    return {
        "StepName": record.name,
        "StartTime": record.created,
        "StepStatus": record.status,
        "AttemptCount": 1,
        **{name: value for name, value in told.items() if value is not None},
    }


PIPELINES = Listing[PipelineRecord](_pipeline_summary, "PipelineSummaries")
EXECUTIONS = Listing[ExecutionRecord](
    _execution_summary, "PipelineExecutionSummaries", sort_keys={"PipelineExecutionArn": lambda record: record.arn}
)
STEPS = Listing[StepRecord](_step_summary, "PipelineExecutionSteps")
PARAMETERS = Listing[ParameterRecord](
    lambda record: {"Name": record.name, "Value": record.value}, "PipelineParameters", order="Ascending"
)
OPERATIONS: Operations = {
    "CreatePipeline": create,
    "UpdatePipeline": update,
    "DescribePipeline": describe,
    "DeletePipeline": delete,
    "ListPipelines": list_pipelines,
    "StartPipelineExecution": start,
    "DescribePipelineExecution": describe_execution,
    "DescribePipelineDefinitionForExecution": describe_definition,
    "ListPipelineExecutions": list_executions,
    "ListPipelineExecutionSteps": list_steps,
    "ListPipelineParametersForExecution": list_parameters,
    "StopPipelineExecution": stop,
}
