"""Vertex AI's custom jobs: a container that runs once, under a service account."""

from pathlib import Path

from infra.localcloud.gcp import states
from infra.localcloud.gcp.call import Call
from infra.localcloud.gcp.errors import Json, Refusal, invalid, precondition
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.store import Record
from infra.localcloud.gcp.vertex.job_cloud import JOB_AGENT, check_account
from infra.localcloud.gcp.vertex.job_runs import ENDED, JOBS, MACHINE, begin, cancel
from infra.localcloud.gcp.vertex.keys import check_key
from infra.localcloud.jobs.contract_vertex import WEEK_SECONDS, custom_job_request, seconds
from infra.localcloud.jobs.definition import UnsupportedError
from infra.localcloud.jobs.request import JobRequest

SERVICE = Service("aiplatform.v1", section="jobs", table=Path(__file__).with_name("collections.toml"))
POOLS = "jobSpec.workerPoolSpecs"
# No timer of this machine waits longer; Vertex AI's own default is a week.
MOST_SECONDS = 10 * WEEK_SECONDS
# What a job may ask for beside its containers, and the local cloud has nothing of. Networks change nothing here.
OTHER_MEMBERS = ("persistentResourceId", "enableWebAccess", "enableDashboardAccess")


@SERVICE.method(f"{JOBS}.cancel")
def cancel_job(call: Call) -> Json:
    """Ask a job to end; it is cancelled once its container is gone."""
    state = call.cloud.store.get(JOBS, call.name).body["state"]
    if state in ENDED:
        raise precondition(f"The CustomJob {call.name} is in state {state} and cannot be cancelled.")
    cancel(call.cloud, call.name)
    return {}


def _fill(call: Call, record: Record) -> None:
    _check(record.body)
    check_key(call, record.body)
    check_account(call.cloud, record.body["jobSpec"].get("serviceAccount"))
    _request(record)
    record.body["state"] = states.transition(MACHINE, "create", record.name).during


def _created(call: Call, record: Record) -> None:
    begin(call.cloud, record, _request(record))


def _request(record: Record) -> JobRequest:
    try:
        return custom_job_request(record.body, record.name, JOB_AGENT)
    except UnsupportedError as error:
        raise Refusal("UNIMPLEMENTED", str(error)) from error


def _check(body: Json) -> None:
    spec = body["jobSpec"]
    pools = [pool for pool in spec.get("workerPoolSpecs", []) if pool]
    if not pools:
        raise invalid("At least one worker pool must be given.", field=POOLS)
    for number, pool in enumerate(pools):
        path = f"{POOLS}[{number}]"
        if not pool.get("machineSpec", {}).get("machineType"):
            raise invalid("A machine type must be given.", field=f"{path}.machineSpec.machineType")
        if "containerSpec" not in pool and "pythonPackageSpec" not in pool:
            raise invalid("Either containerSpec or pythonPackageSpec must be given.", field=f"{path}.containerSpec")
        if "containerSpec" in pool and not pool["containerSpec"].get("imageUri"):
            raise invalid("An image must be given.", field=f"{path}.containerSpec.imageUri")
    if not 0 < seconds(spec.get("scheduling", {}).get("timeout"), WEEK_SECONDS) <= MOST_SECONDS:
        raise invalid(f"The timeout must be within {MOST_SECONDS:.0f}s.", field="jobSpec.scheduling.timeout")
    for member in OTHER_MEMBERS:
        if spec.get(member):
            raise Refusal("UNIMPLEMENTED", f"jobSpec.{member}: is not implemented in the local cloud.")


def _remove(call: Call, record: Record) -> None:
    state = record.body["state"]
    if state not in ENDED:
        raise precondition(f"The CustomJob {record.name} is in state {state}; only one that has ended can be deleted.")


SERVICE.hooks("customJobs").filling = _fill
SERVICE.hooks("customJobs").created = _created
SERVICE.hooks("customJobs").removing = _remove
