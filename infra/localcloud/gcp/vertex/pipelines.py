"""Vertex AI's pipeline jobs: KFP specs that are read whole before anything of them runs."""

from pathlib import Path
from typing import Any

from infra.localcloud.gcp import states
from infra.localcloud.gcp.call import Call
from infra.localcloud.gcp.errors import Json, Refusal, invalid, precondition
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.store import Record
from infra.localcloud.gcp.vertex.job_cloud import COMPUTE_ACCOUNT, check_account
from infra.localcloud.gcp.vertex.keys import check_key
from infra.localcloud.gcp.vertex.pipeline_runs import MACHINE, PipelineRun, Runs, facts_of
from infra.localcloud.gcp.vertex.pipeline_tasks import PIPELINES, change_pipeline
from infra.localcloud.jobs.custom_job_kfp import check, check_run
from infra.localcloud.jobs.definition import DefinitionError, UnsupportedError
from infra.localcloud.jobs.definition_kfp import Definition, parse

SERVICE = Service("aiplatform.v1", section="pipelines", table=Path(__file__).with_name("collections.toml"))
ENDED = ("PIPELINE_STATE_SUCCEEDED", "PIPELINE_STATE_FAILED", "PIPELINE_STATE_CANCELLED")
FAIL_FAST = "PIPELINE_FAILURE_POLICY_FAIL_FAST"
# What a pipeline job may have, and the local cloud has nothing of. Networks change nothing here.
OTHERS = ("templateUri",)
OTHER_CONFIG = ("parameters", "inputArtifacts")


@SERVICE.method(f"{PIPELINES}.cancel")
def cancel(call: Call) -> Json:
    """Begin no other task, and cancel the jobs of those that run."""

    def change(body: Json) -> None:
        if body["state"] in ENDED:
            raise precondition(f"The PipelineJob {call.name} is in state {body['state']} and cannot be cancelled.")
        body["state"] = states.transition(MACHINE, "cancel", call.name).during

    change_pipeline(call.cloud, call.name, change)
    if run := call.cloud.part(Runs).known.get(call.name):
        run.cancel()
    return {}


def checked(body: Json) -> Definition:
    """Return the definition of a pipeline job whose name, time, account and configuration are known.

    Raises:
        Refusal: INVALID_ARGUMENT for what is wrong, UNIMPLEMENTED for what does not run here.
    """
    config = body.get("runtimeConfig", {})
    for member, holder in [*((one, body) for one in OTHERS), *((one, config) for one in OTHER_CONFIG)]:
        if holder.get(member):
            raise Refusal("UNIMPLEMENTED", f"pipelineJob.{member}: is not implemented in the local cloud.")
    try:
        definition = parse(body.get("pipelineSpec") or None)
        body["runtimeConfig"] = {**config, "gcsOutputDirectory": _root(config, definition)}
        check(definition)
        check_run(definition, definition.values(config.get("parameterValues", {})), facts_of(body))
    except DefinitionError as error:
        raise invalid(f"Invalid pipeline job: {error}", field=f"pipelineJob.{error.path}") from error
    except UnsupportedError as error:
        raise Refusal("UNIMPLEMENTED", str(error)) from error
    return definition


def _root(config: Json, definition: Definition) -> str:
    root = str(config.get("gcsOutputDirectory") or definition.root)
    if not root.startswith("gs://"):
        raise DefinitionError("runtimeConfig.gcsOutputDirectory", f"must be a gs:// URI, not {root!r}")
    return root


def _fill(call: Call, record: Record) -> None:
    body = record.body
    check_key(call, body)
    check_account(call.cloud, body.get("serviceAccount"))
    body.setdefault("serviceAccount", COMPUTE_ACCOUNT)
    definition = checked(body)
    body.setdefault("displayName", definition.name)
    body["state"] = states.transition(MACHINE, "create", record.name).during
    fast = body["runtimeConfig"].get("failurePolicy") == FAIL_FAST
    record.hidden["run"] = PipelineRun(call.cloud, record, definition, fail_slow=not fast)


def _created(call: Call, record: Record) -> None:
    run: Any = record.hidden["run"]
    call.cloud.part(Runs).known[record.name] = run
    if record.body["state"] == states.transition(MACHINE, "cancel", record.name).during:
        run.cancel()
    run.start()


def _remove(call: Call, record: Record) -> None:
    state = record.body["state"]
    if state not in ENDED:
        raise precondition(f"The PipelineJob {record.name} is in state {state}; only one that has ended is deleted.")
    call.cloud.part(Runs).known.pop(record.name, None)


def _show(call: Call, record: Record) -> Json:
    """Lists do without the details."""
    if call.method.verb_name != "list":
        return record.body
    return {name: value for name, value in record.body.items() if name != "jobDetail"}


SERVICE.hooks("pipelineJobs").filling = _fill
SERVICE.hooks("pipelineJobs").created = _created
SERVICE.hooks("pipelineJobs").removing = _remove
SERVICE.hooks("pipelineJobs").showing = _show
