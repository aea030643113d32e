"""Vertex AI's batch predictions: a model's container predicts for the lines of files, once."""

from pathlib import Path
from typing import Any

from infra.localcloud.gcp import states
from infra.localcloud.gcp.call import Call
from infra.localcloud.gcp.errors import Json, Refusal, invalid, precondition
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.store import Record
from infra.localcloud.gcp.vertex.batch_runs import ENDED, JOBS, MACHINE, BatchRun
from infra.localcloud.gcp.vertex.job_cloud import check_account
from infra.localcloud.gcp.vertex.keys import check_key
from infra.localcloud.gcp.vertex.model_records import plain_name, version_record

SERVICE = Service("aiplatform.v1", section="batch", table=Path(__file__).with_name("collections.toml"))
JSONL = "jsonl"
# What Vertex AI can, and the local cloud cannot.
OTHERS = ("unmanagedContainerModel", "instanceConfig", "generateExplanation", "explanationSpec")


@SERVICE.method(f"{JOBS}.cancel")
def cancel(call: Call) -> Json:
    """Ask a job to end."""

    def change(record: Record) -> None:
        if record.body["state"] in ENDED:
            raise precondition(f"The BatchPredictionJob {call.name} is in state {record.body['state']}.")
        record.body["state"] = states.transition(MACHINE, "cancel", call.name).during

    _run(call.cloud.store.change(JOBS, call.name, change)).cancel()
    return {}


def _fill(call: Call, record: Record) -> None:
    body = record.body
    for member in OTHERS:
        if body.get(member):
            raise Refusal("UNIMPLEMENTED", f"batchPredictionJob.{member}: is not implemented in the local cloud.")
    if not body.get("model"):
        raise invalid("Field 'model' is required.", field="batchPredictionJob.model")
    _check_places(body)
    if not body.get("dedicatedResources", {}).get("machineSpec", {}).get("machineType"):
        raise invalid(
            "A custom container predicts on dedicated_resources; a machine type must be given.",
            field="batchPredictionJob.dedicatedResources",
        )
    check_key(call, body)
    check_account(call.cloud, body.get("serviceAccount"))
    version = version_record(call.cloud, body["model"])
    body |= {
        "model": plain_name(body["model"]),
        "modelVersionId": version.body["versionId"],
        "state": states.transition(MACHINE, "create", record.name).during,
    }
    record.hidden["run"] = BatchRun(call.cloud, record.name, version.name)


def _check_places(body: Json) -> None:
    source, target = body["inputConfig"], body["outputConfig"]
    for path, form in (
        ("inputConfig.instancesFormat", source.get("instancesFormat")),
        ("outputConfig.predictionsFormat", target.get("predictionsFormat")),
    ):
        if form != JSONL:
            raise invalid(f"The format '{form}' is not supported by the Model: jsonl is.", field=path)
    uris = source.get("gcsSource", {}).get("uris", [])
    prefix = target.get("gcsDestination", {}).get("outputUriPrefix", "")
    if not uris or not all(uri.startswith("gs://") for uri in uris):
        raise invalid("URIs in Cloud Storage must be given.", field="inputConfig.gcsSource.uris")
    if not prefix.startswith("gs://"):
        raise invalid("A URI in Cloud Storage must be given.", field="outputConfig.gcsDestination.outputUriPrefix")


def _created(call: Call, record: Record) -> None:
    _run(record).start()


def _remove(call: Call, record: Record) -> None:
    if record.body["state"] not in ENDED:
        raise precondition(f"The BatchPredictionJob {record.name} is in state {record.body['state']}.")


def _run(record: Record) -> BatchRun:
    found: Any = record.hidden["run"]
    run: BatchRun = found
    return run


SERVICE.hooks("batchPredictionJobs").filling = _fill
SERVICE.hooks("batchPredictionJobs").created = _created
SERVICE.hooks("batchPredictionJobs").removing = _remove
