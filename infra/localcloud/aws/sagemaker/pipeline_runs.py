"""Runs an execution of a pipeline: each step makes its job under the pipeline's role and waits for its end."""

import secrets
import string
import threading
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from localstack.aws.api import RequestContext

from infra.localcloud.aws.sagemaker import processing, training
from infra.localcloud.aws.sagemaker.job_cloud import assume
from infra.localcloud.aws.sagemaker.job_records import JobRecord
from infra.localcloud.aws.sagemaker.pipeline_records import ExecutionRecord, StepRecord
from infra.localcloud.jobs.dag import DagRun
from infra.localcloud.jobs.definition import DefinitionError
from infra.localcloud.jobs.definition_sagemaker import Step
from infra.localcloud.jobs.expressions_sagemaker import Reference, read_property, resolve

# Small letters only: ARNs are written in small letters, and a name must be found from its ARN.
LETTERS = string.ascii_lowercase + string.digits
JOB_NAME_CHARACTERS = 63
SUFFIX_CHARACTERS = 10
KINDS = {"Training": training, "Processing": processing}


class ExecutionRun:
    """One execution under way."""

    def __init__(self, execution: ExecutionRecord, context: RequestContext) -> None:
        self._execution = execution
        self._context = context
        session = assume(execution.pipeline.request["RoleArn"], execution.name, context.region)
        self._client = session.client("sagemaker")
        self._described: dict[str, Mapping[str, Any]] = {}
        self._dag = DagRun(execution.definition.nodes, self._step, execution.parallelism)
        execution.run = self._dag
        execution.stop_job = self._stop

    def start(self) -> None:
        """Begin; returns at once."""
        name = f"execution-{self._execution.name}"
        threading.Thread(target=lambda: self._execution.finish(self._dag.run()), name=name, daemon=True).start()

    def _step(self, name: str) -> bool:
        step, record = self._execution.definition.steps[name], self._execution.begin_step(name)
        try:
            job = self._create(step)
        except DefinitionError as error:
            record.end("Failed", f"ClientError: {error}")
            return False
        except (ClientError, BotoCoreError) as error:
            record.end("Failed", _refused(f"Create{step.type}Job", self._execution, step, error))
            return False
        except Exception as error:
            record.end("Failed", f"InternalServerError: {type(error).__name__}: {error}")
            raise
        self._execution.attach(record, job)
        job.ended.wait()
        try:
            self._described[name] = self._call(step.type, "describe", job.name)
        except (ClientError, BotoCoreError) as error:
            record.end("Failed", _refused(f"Describe{step.type}Job", self._execution, step, error))
            return False
        _end(record, job)
        return record.status == "Succeeded"

    def _stop(self, type_: str, job: JobRecord) -> None:
        """Stop a step's job, as the pipeline's role; one that has ended meanwhile needs no stopping."""
        try:
            self._call(type_, "stop", job.name)
        except ClientError as error:
            if not job.ended.is_set():
                self._execution.reason = f"Failed to stop {job.name}: {error}"

    def _call(self, type_: str, verb: str, job: str) -> Mapping[str, Any]:
        call = getattr(self._client, f"{verb}_{type_.lower()}_job")
        answer: Mapping[str, Any] = call(**{f"{type_}JobName": job})
        return answer

    def _create(self, step: Step) -> JobRecord:
        arguments = resolve(step.arguments, "Arguments", self._lookup)
        name = job_name(self._execution.name, step.name)
        create = getattr(self._client, f"create_{step.type.lower()}_job")
        create(**{**arguments, f"{step.type}JobName": name})
        made: JobRecord = KINDS[step.type].JOBS.of(self._context).get(name)
        return made

    def _lookup(self, reference: Reference) -> Any:
        execution = self._execution
        if reference.kind == "Parameters":
            return execution.values[reference.name]
        if reference.kind == "Execution":
            return _facts(execution)[reference.name]
        described = self._described.get(reference.step)
        if described is None:
            raise DefinitionError("Arguments", f"the step {reference.step!r} has no job")
        return read_property(described, reference, "Arguments")


def _refused(operation: str, execution: ExecutionRecord, step: Step, error: Exception) -> str:
    text = str(error)
    if isinstance(error, ClientError):
        text = error.response["Error"]["Message"]
    return (
        f"ClientError: Failed to invoke sagemaker:{operation}. Error Details: {text}\n"
        f"Retry not appropriate on execution of step with PipelineExecutionArn {execution.arn} and StepId {step.name}. "
        "No retry policy configured for the exception type SAGEMAKER_RESOURCE_LIMIT."
    )


def job_name(execution: str, step: str) -> str:
    """Return a job's name as the vendor makes it: `pipelines-<execution>-<step>-<random>`."""
    suffix = "".join(secrets.choice(LETTERS) for _ in range(SUFFIX_CHARACTERS))
    start = f"pipelines-{execution}-{step.replace('_', '-')}"
    return f"{start[: JOB_NAME_CHARACTERS - SUFFIX_CHARACTERS - 1].rstrip('-')}-{suffix}"


def _facts(execution: ExecutionRecord) -> Mapping[str, str]:
    began = execution.created.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        "PipelineExecutionId": execution.name,
        "PipelineExecutionArn": execution.arn,
        "PipelineName": execution.pipeline.name,
        "PipelineArn": execution.pipeline.arn,
        "StartDateTime": began,
        "CurrentDateTime": began,
    }


def _end(record: StepRecord, job: JobRecord) -> None:
    if job.status == "Completed":
        record.end("Succeeded")
    elif job.status == "Failed":
        record.end("Failed", job.failure_reason)
    elif record.status == "Stopping":
        record.end("Stopped")
    else:
        record.end("Failed", f"ClientError: The job {job.name} was stopped ({job.secondary}).")
