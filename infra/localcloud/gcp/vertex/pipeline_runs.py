"""Runs a pipeline job: each task makes its custom job under the pipeline's service account and waits for its end."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from infra.localcloud.gcp import moments, states
from infra.localcloud.gcp.call import PROJECT, REGION, Cloud
from infra.localcloud.gcp.errors import STATUSES, Json, Refusal
from infra.localcloud.gcp.store import Record
from infra.localcloud.gcp.vertex import job_runs
from infra.localcloud.gcp.vertex.pipeline_tasks import change_pipeline, enter, new_task, task_of, tasks_of
from infra.localcloud.jobs.custom_job_kfp import custom_job, is_launcher, resources
from infra.localcloud.jobs.dag import DagRun, Verdict
from infra.localcloud.jobs.definition import DefinitionError
from infra.localcloud.jobs.definition_kfp import Definition, Step
from infra.localcloud.jobs.placeholders_kfp import Value

MACHINE = "pipeline_job"
# Vertex AI has no limit of its own; this machine has.
PARALLELISM = 8
TIMEOUT_SECONDS = 60.0
FAILED_PRECONDITION = STATUSES["FAILED_PRECONDITION"].number
OUTCOMES = {
    "JOB_STATE_SUCCEEDED": "SUCCEEDED",
    "JOB_STATE_FAILED": "FAILED",
    "JOB_STATE_CANCELLED": "CANCELLED",
}
CANCELED: Json = {"code": STATUSES["CANCELLED"].number, "message": "CANCELED"}


@dataclass
class Runs:
    """The runs of all pipeline jobs, by name."""

    known: "dict[str, PipelineRun]" = field(default_factory=dict)


def facts_of(body: Json) -> dict[str, str]:
    """Return what a task can ask of the run that it is part of."""
    name = body["name"]
    return {
        "pipeline_encryption_key_name": body.get("encryptionSpec", {}).get("kmsKeyName", ""),
        "pipeline_google_cloud_location": REGION,
        "pipeline_google_cloud_project_id": PROJECT,
        "pipeline_job_create_time_utc": body["createTime"],
        "pipeline_job_name": name.rpartition("/")[2],
        "pipeline_job_resource_name": name,
        "pipeline_job_schedule_time_utc": body["createTime"],
        "pipeline_job_uuid": name.rpartition("/")[2],
        "pipeline_network": body.get("network", ""),
        "pipeline_root": body["runtimeConfig"]["gcsOutputDirectory"],
        "pipeline_service_account": body["serviceAccount"],
    }


class PipelineRun:
    """One pipeline job under way.

    Args:
        cloud: the cloud.
        record: the pipeline job.
        definition: its spec, which was found sound.
        fail_slow: whether tasks that need no failed one go on after a failure.
    """

    def __init__(self, cloud: Cloud, record: Record, definition: Definition, *, fail_slow: bool) -> None:
        self._cloud = cloud
        self._name = record.name
        self._definition = definition
        self._values = definition.values(record.body["runtimeConfig"].get("parameterValues", {}))
        self._facts = facts_of(record.body)
        self._token = cloud.tokens.issue(record.body["serviceAccount"])
        self._given: dict[str, Mapping[str, Value]] = {}
        self._jobs: dict[str, str] = {}
        self._dag = DagRun(definition.nodes, self._step, PARALLELISM, fail_slow=fail_slow)

    def start(self) -> None:
        """Begin; returns at once."""
        threading.Thread(target=self._run, name=f"pipeline-{self._name.rpartition('/')[2]}", daemon=True).start()

    def cancel(self) -> None:
        """Begin no other task, and cancel the jobs of those that run."""
        self._dag.stop()
        for job in list(self._jobs.values()):
            job_runs.cancel(self._cloud, job)

    def _run(self) -> None:
        transition = states.transition(MACHINE, "run", self._name)
        root = new_task(self._facts["pipeline_job_name"], "RUNNING")

        def begin(body: Json) -> None:
            body |= {"startTime": moments.now(), "jobDetail": {"taskDetails": [root]}}
            if body["state"] == states.transition(MACHINE, "create", self._name).during:
                body["state"] = transition.during

        change_pipeline(self._cloud, self._name, begin)
        try:
            transition.begin()
        except states.FaultError as fault:
            error = {"code": STATUSES["INTERNAL"].number, "message": str(fault)}
            change_pipeline(self._cloud, self._name, lambda body: self._finish(body, Verdict.FAILED, error))
            return
        verdict = self._dag.run()
        change_pipeline(self._cloud, self._name, lambda body: self._finish(body, verdict, None))

    def _finish(self, body: Json, verdict: Verdict, error: Json | None) -> None:
        tasks = tasks_of(body)
        begun = {task["taskName"] for task in tasks[1:]}
        tasks += [new_task(name, "NOT_TRIGGERED", tasks[0]["taskId"]) for name in self._definition.steps.keys() - begun]
        ended = {Verdict.SUCCEEDED: "SUCCEEDED", Verdict.FAILED: "FAILED", Verdict.STOPPED: "CANCELLED"}[verdict]
        if verdict is Verdict.FAILED:
            error = error or {"code": FAILED_PRECONDITION, "message": _failure(body)}
        elif verdict is Verdict.STOPPED:
            error = dict(CANCELED)
        enter(tasks[0], ended, error)
        run = states.transition(MACHINE, "run", self._name)
        stopped = states.transition(MACHINE, "cancel", self._name).done
        ends = {Verdict.SUCCEEDED: run.done, Verdict.FAILED: run.failed, Verdict.STOPPED: stopped}
        body |= {"state": ends[verdict], "endTime": moments.now(), **({"error": error} if error else {})}

    def _step(self, name: str) -> bool:
        step = self._definition.steps[name]
        self._begin(name)
        try:
            job = self._create(step)
        except DefinitionError as error:
            self._end(name, "FAILED", {"code": STATUSES["INVALID_ARGUMENT"].number, "message": str(error)})
            return False
        except Refusal as refusal:
            self._end(name, "FAILED", refusal.in_operation())
            return False
        detail = {"customJobDetail": {"job": job}} if is_launcher(step) else {"containerDetail": {"mainJob": job}}
        self._attach(name, job, detail)
        run = self._cloud.part(job_runs.Runs).find(job)
        assert run is not None  # noqa: S101 - it was made before its creation was answered
        run.ended.wait()
        found = self._cloud.store.get(job_runs.JOBS, job).body
        self._end(name, OUTCOMES[found["state"]], found.get("error"))
        if is_launcher(step):
            self._given[name] = resources(job, self._cloud.endpoint_url)
        return bool(found["state"] == "JOB_STATE_SUCCEEDED")

    def _begin(self, name: str) -> None:
        def work(body: Json) -> None:
            parent = tasks_of(body)[0]["taskId"]
            tasks_of(body).append(new_task(name, "PENDING", parent))

        change_pipeline(self._cloud, self._name, work)

    def _attach(self, name: str, job: str, detail: Json) -> None:
        """Note a task's job; one of a pipeline that is being cancelled is cancelled at once."""
        cancelling = states.transition(MACHINE, "cancel", self._name).during

        def work(body: Json) -> None:
            task_of(body, name)["executorDetail"] = detail
            enter(task_of(body, name), "RUNNING")

        self._jobs[name] = job
        if change_pipeline(self._cloud, self._name, work)["state"] == cancelling:
            job_runs.cancel(self._cloud, job)

    def _end(self, name: str, state: str, error: Json | None) -> None:
        self._jobs.pop(name, None)
        change_pipeline(self._cloud, self._name, lambda body: enter(task_of(body, name), state, error))

    def _create(self, step: Step) -> str:
        inputs = self._definition.inputs(step, self._values, self._given)
        facts = {**self._facts, "pipeline_task_name": step.name, "pipeline_task_uuid": self._task_id(step.name)}
        parent = "/".join(self._name.split("/")[:4])
        found = self._ask(f"{parent}/customJobs", custom_job(step, inputs, facts))
        return str(found["name"])

    def _task_id(self, name: str) -> str:
        body = change_pipeline(self._cloud, self._name, lambda body: None)
        return str(task_of(body, name)["taskId"])

    def _ask(self, path: str, body: Json) -> Json:
        """Ask Vertex AI for something, as the pipeline's service account."""
        answer = httpx.post(
            f"{self._cloud.endpoint_url}/v1/{path}",
            json=body,
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )
        found: Json = answer.json()
        if answer.is_success:
            return found
        raise Refusal(found["error"]["status"], found["error"]["message"])


def _failure(body: Json) -> str:
    """Return the message of a failed pipeline's error, as Vertex AI words it."""
    failed = [task["taskName"] for task in tasks_of(body)[1:] if task["state"] in ("FAILED", "CANCELLED")]
    said = f"The DAG failed because some tasks failed. The failed tasks are: [{', '.join(failed)}]."
    job = body["name"].rpartition("/")[2]
    return f"{said}; Job (project_id = {PROJECT}, job_id = {job}) is failed due to the above error."
