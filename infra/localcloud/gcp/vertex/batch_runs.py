"""Runs a batch prediction: lines of JSON from Cloud Storage, through a model's server, to lines of JSON there.

Names of output files as Vertex AI gives them to custom containers:
https://cloud.google.com/vertex-ai/docs/predictions/get-batch-predictions
"""

import fnmatch
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.localcloud.gcp import moments, states
from infra.localcloud.gcp.call import Cloud
from infra.localcloud.gcp.errors import STATUSES, Json, Refusal
from infra.localcloud.gcp.store import Record
from infra.localcloud.gcp.vertex.job_logs import job_log
from infra.localcloud.gcp.vertex.model_records import VERSIONS, shown
from infra.localcloud.gcp.vertex.objects import Objects
from infra.localcloud.gcp.vertex.prediction import predictions_of
from infra.localcloud.gcp.vertex.servers import ServingPlan, start_server
from infra.localcloud.jobs.live_server import LiveServer
from infra.localcloud.jobs.transfer import TransferError

JOBS = "aiplatform.projects.locations.batchPredictionJobs"
MACHINE = "batch_prediction_job"
ENDED = ("JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED")
RESULTS, ERRORS = "prediction.results-00000-of-00001", "prediction.errors_stats-00000-of-00001"
BATCH_SIZE = 64
REPLICA = "batch-prediction"
TYPE = {"Content-Type": "application/json"}


class CancelledError(Exception):
    """Somebody asked the job to end."""


@dataclass
class Results:
    """What became of the instances so far."""

    predictions: list[Json] = field(default_factory=list)
    errors: list[Json] = field(default_factory=list)

    def stats(self) -> Json:
        """Return the counts as Vertex AI has them."""
        return {"successfulCount": str(len(self.predictions)), "failedCount": str(len(self.errors))}


class BatchRun:
    """One batch prediction under way.

    Args:
        cloud: the cloud.
        name: the job's.
        version: the name of the model's version.
    """

    def __init__(self, cloud: Cloud, name: str, version: str) -> None:
        self._cloud = cloud
        self._name = name
        self._version = version
        self._cancelled = threading.Event()
        self._objects = Objects(cloud.endpoint_url)

    def start(self) -> None:
        """Begin; returns at once."""
        threading.Thread(target=self._go, name=f"batch-{self._name.rpartition('/')[2]}", daemon=True).start()

    def cancel(self) -> None:
        """End after the instances that are under way."""
        self._cancelled.set()

    def _go(self) -> None:
        run = states.transition(MACHINE, "run", self._name)
        results = Results()
        try:
            run.begin()
            self._note(_begin)
            target = self._run(results)
        except CancelledError:
            state = states.transition(MACHINE, "cancel", self._name).done
            self._finish(state, results, STATUSES["CANCELLED"].number, "CANCELED")
        except Refusal as refusal:
            self._finish(run.failed, results, refusal.status.number, refusal.message)
        except states.FaultError as fault:
            self._finish(run.failed, results, STATUSES["INTERNAL"].number, str(fault))
        except TransferError as error:
            self._finish(run.failed, results, STATUSES["INVALID_ARGUMENT"].number, str(error))
        except Exception as error:
            self._finish(run.failed, results, STATUSES["INTERNAL"].number, f"{type(error).__name__}: {error}")
            raise
        else:
            self._note(lambda body: body.update(outputInfo={"gcsOutputDirectory": target}))
            self._finish(run.done, results, 0, "")

    def _run(self, results: Results) -> str:
        """Predict for all instances and return the folder of the outputs."""
        self._require_wanted()
        body = self._cloud.store.get(JOBS, self._name).body
        version = self._cloud.store.get(VERSIONS, self._version)
        identifier = self._name.rpartition("/")[2]
        lines = list(self._lines(body["inputConfig"]["gcsSource"]["uris"]))
        plan = ServingPlan(version, identifier, "1", body.get("serviceAccount"))
        server = start_server(self._cloud, plan, job_log(self._cloud, identifier, REPLICA))
        try:
            size = int(body.get("manualBatchTuningParameters", {}).get("batchSize") or BATCH_SIZE)
            for begin in range(0, len(lines), size):
                self._require_wanted()
                _predict(server, lines[begin : begin + size], body.get("modelParameters"), results)
        finally:
            server.retire()
        if results.errors and not results.predictions:
            raise Refusal("INVALID_ARGUMENT", f"All instances failed; the first: {results.errors[0]['error']}")
        return self._written(body, results)

    def _require_wanted(self) -> None:
        if self._cancelled.is_set():
            raise CancelledError

    def _lines(self, uris: Sequence[str]) -> Iterator[str]:
        for uri in uris:
            head, star, _ = uri.partition("*")
            bucket = uri.removeprefix("gs://").partition("/")[0]
            found = [f"gs://{bucket}/{name}" for name in self._objects.beginning(head)] if star else [uri]
            for one in found:
                if fnmatch.fnmatchcase(one, uri) or not star:
                    yield from (line for line in self._objects.read(one).decode().splitlines() if line.strip())

    def _written(self, body: Json, results: Results) -> str:
        prefix = str(body["outputConfig"]["gcsDestination"]["outputUriPrefix"]).rstrip("/")
        model = shown(self._cloud, self._cloud.store.get(VERSIONS, self._version))["displayName"]
        target = f"{prefix}/prediction-{model}-{body['createTime'][:23]}Z"
        for name, lines in ((RESULTS, results.predictions), (ERRORS, results.errors)):
            self._objects.write(f"{target}/{name}", "".join(f"{json.dumps(line)}\n" for line in lines).encode())
        return target

    def _finish(self, state: str, results: Results, code: int, message: str) -> None:
        def work(body: Json) -> None:
            body |= {"state": state, "endTime": moments.now(), "completionStats": results.stats()}
            if code:
                body["error"] = {"code": code, "message": message}

        self._note(work)

    def _note(self, change: Callable[[Json], Any]) -> None:
        def work(record: Record) -> None:
            change(record.body)
            record.body["updateTime"] = moments.now()

        self._cloud.store.change(JOBS, self._name, work)


def _begin(body: Json) -> None:
    """Note that a job runs; one that is being cancelled keeps that state."""
    body["startTime"] = moments.now()
    if body["state"] == states.transition(MACHINE, "create", body["name"]).during:
        body["state"] = states.transition(MACHINE, "run", body["name"]).during


def _predict(server: LiveServer, lines: Sequence[str], parameters: Any, results: Results) -> None:
    """Let the server predict for some instances; what it refuses is an error of each of them."""
    instances = []
    for line in lines:
        try:
            instances.append(json.loads(line))
        except ValueError as error:
            results.errors.append({"instance": line, "error": f"the line is no JSON: {error}"})
    if not instances:
        return
    asked = {"instances": instances, **({} if parameters is None else {"parameters": parameters})}
    answer = server.answer(json.dumps(asked).encode(), TYPE)
    if answer.status != 200:
        told = f"the model server answered {answer.status}: {answer.body.decode('utf-8', 'replace')}"
        results.errors += [{"instance": one, "error": told} for one in instances]
        return
    try:
        predictions = predictions_of(answer)["predictions"]
        results.predictions += [
            {"instance": one, "prediction": prediction}
            for one, prediction in list(zip(instances, predictions, strict=True))
        ]
    except (Refusal, ValueError) as error:
        results.errors += [{"instance": one, "error": str(error)} for one in instances]
