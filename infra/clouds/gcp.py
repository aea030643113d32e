"""Runs, model versions and predictions on Vertex AI, through Google's own client."""

import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from googleapiclient.errors import HttpError
from googleapiclient.http import MediaFileUpload

from infra.clouds import Answer, Live, ModelVersion, Run, RunStatus, Step, StepStatus
from infra.clouds.gcp_calls import Google, is_missing, told
from infra.clouds.gcp_logs import GcpLog

RUN_STATUSES: dict[str, RunStatus] = {
    "PIPELINE_STATE_QUEUED": "running",
    "PIPELINE_STATE_PENDING": "running",
    "PIPELINE_STATE_RUNNING": "running",
    "PIPELINE_STATE_PAUSED": "running",
    "PIPELINE_STATE_CANCELLING": "running",
    "PIPELINE_STATE_CANCELLED": "stopped",
    "PIPELINE_STATE_FAILED": "failed",
    "PIPELINE_STATE_SUCCEEDED": "succeeded",
}
STEP_STATUSES: dict[str, StepStatus] = {
    "PENDING": "starting",
    "RUNNING": "running",
    "CANCEL_PENDING": "running",
    "CANCELLING": "running",
    "CANCELLED": "stopped",
    "FAILED": "failed",
    "SUCCEEDED": "succeeded",
    "SKIPPED": "succeeded",
}
# Tasks that never began, because one before them failed, are no steps of the run yet.
NOT_TRIGGERED = "NOT_TRIGGERED"
JOB_IS_OVER = ("JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED", "JOB_STATE_EXPIRED")
UPLOAD_BYTES = 8 * 2**20  # at once; a multiple of 256 KiB, as Cloud Storage wants it
# source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/PipelineSpec (ParameterTypeEnum)
PARAMETER_TYPES = {"NUMBER_INTEGER": int, "STRING": str}


def connect(variables: Mapping[str, str]) -> "GcpCloud":
    """Connect with the environment's variables, and with application default credentials where they name none."""
    return GcpCloud(Google(variables))


class GcpCloud:
    """Vertex AI's side of `Cloud`."""

    def __init__(self, google: Google) -> None:
        self._google = google
        self._known: dict[str, Mapping[str, str]] = {}

    @cached_property
    def _vertex(self) -> Any:
        return self._google.client("aiplatform", "v1").projects().locations()

    @cached_property
    def _endpoints(self) -> Any:
        return self._vertex.endpoints()

    @cached_property
    def _storage(self) -> Any:
        return self._google.client("storage", "v1").objects()

    @told
    def put_files(self, bucket: str, files: Mapping[str, Path]) -> int:
        """Upload what the bucket does not hold yet with this size."""
        listed = self._all(self._storage, "items", bucket=bucket, fields="items(name,size),nextPageToken")
        held = {item["name"]: int(item["size"]) for item in listed}
        missing = {key: path for key, path in files.items() if held.get(key) != path.stat().st_size}
        for key, path in missing.items():
            media = MediaFileUpload(str(path), "application/octet-stream", chunksize=UPLOAD_BYTES, resumable=True)
            self._storage.insert(bucket=bucket, name=key, media_body=media).execute()
        return len(missing)

    @told
    def start_run(self, pipeline: str, parameters: Mapping[str, str]) -> str:
        """Create a pipeline job from the object that the pipeline is; return the job's resource name."""
        bucket, _, key = pipeline.removeprefix("gs://").partition("/")
        job = json.loads(self._storage.get_media(bucket=bucket, object=key).execute())
        known = job["pipelineSpec"]["root"].get("inputDefinitions", {}).get("parameters", {})
        job["runtimeConfig"]["parameterValues"] = {
            name: PARAMETER_TYPES[known[name]["parameterType"]](value) for name, value in parameters.items()
        }
        identifier = f"{job['displayName']}-{datetime.now(UTC):%Y%m%d%H%M%S}-{secrets.token_hex(2)}"
        made = self._vertex.pipelineJobs().create(parent=self._google.parent, body=job, pipelineJobId=identifier)
        return str(made.execute()["name"])

    @told
    def run(self, execution: str) -> Run:
        """Describe a pipeline job and its tasks."""
        described = self._vertex.pipelineJobs().get(name=execution).execute()
        tasks = described.get("jobDetail", {}).get("taskDetails", ())
        begun = [task for task in tasks if task.get("executorDetail") and task["state"] != NOT_TRIGGERED]
        return Run(
            execution=execution.rpartition("/")[2],
            status=RUN_STATUSES[described["state"]],
            steps=tuple(_step(task) for task in sorted(begun, key=lambda task: str(task["createTime"]))),
            reason=described.get("error", {}).get("message"),
            started=_moment(described["createTime"]),
        )

    @told
    def stop_run(self, execution: str) -> None:
        """Cancel a pipeline job and its custom jobs."""
        self._vertex.pipelineJobs().cancel(name=execution, body={}).execute()

    @told
    def newest_run(self, pipeline: str) -> str | None:
        """The resource name of the newest job of a pipeline, whichever of its definitions it was started from."""
        called = pipeline.split("/")[-2]
        found = self._vertex.pipelineJobs().list(
            parent=self._google.parent, filter=f'display_name="{called}"', orderBy="create_time desc", pageSize=1
        )
        jobs = found.execute().get("pipelineJobs", ())
        return str(jobs[0]["name"]) if jobs else None

    @told
    def read_object(self, bucket: str, key: str) -> bytes:
        """Read an object whole."""
        body: bytes = self._storage.get_media(bucket=bucket, object=key).execute()
        return body

    @told
    def find_job(self, name: str) -> str | None:
        """The newest custom job of that display name, which for a step begins with its run's."""
        jobs = self._vertex.customJobs().list(
            parent=self._google.parent, filter=f"display_name={json.dumps(name)}", pageSize=1
        )
        found = jobs.execute().get("customJobs", ())
        return f"customJobs/{found[0]['name'].rpartition('/')[2]}" if found else None

    @told
    def is_over(self, job: str) -> bool:
        """True for a job that will write no more."""
        described = self._vertex.customJobs().get(name=f"{self._google.parent}/{job}").execute()
        return described["state"] in JOB_IS_OVER

    def log(self, source: str, since: datetime | None = None) -> GcpLog:
        """A log in Cloud Logging."""
        return GcpLog(self._google, source, since)

    @told
    def versions(self, group: str) -> list[ModelVersion]:
        """All versions of a model, newest first; none before the first one is uploaded."""
        name = f"{self._google.parent}/models/{group}"
        try:
            listed = list(self._all(self._vertex.models(), "models", "listVersions", name=name))
        except HttpError as error:
            if is_missing(error):
                return []
            raise
        return sorted(map(_version, listed), key=lambda item: -item.version)

    @told
    def find_endpoint(self, name: str) -> str | None:
        """The resource name of the newest endpoint of that display name."""
        found = self._endpoints.list(
            parent=self._google.parent,
            filter=f"display_name={json.dumps(name)}",
            orderBy="create_time desc",
            pageSize=1,
        )
        endpoints = found.execute().get("endpoints", ())
        return str(endpoints[0]["name"]) if endpoints else None

    @told
    def live(self, endpoint: str) -> Live | None:
        """What takes the largest share of an endpoint's traffic."""
        try:
            found = self._endpoints.get(name=endpoint).execute()
        except HttpError as error:
            if is_missing(error):
                return None
            raise
        split: Mapping[str, int] = found.get("trafficSplit", {})
        serving = {model["id"]: model for model in found.get("deployedModels", ())}
        chosen = serving[max(split, key=lambda one: split[one])] if split else None
        return Live(
            endpoint=endpoint,
            status=_status(split, serving),
            is_serving=chosen is not None,
            is_steady=len(serving) == 1 and chosen is not None,
            config=chosen["id"] if chosen else "",
            version=int(chosen["modelVersionId"]) if chosen else None,
            sha256=self._registered(chosen).get("STILE_MODEL_SHA256") if chosen else None,
            since=_moment(chosen["createTime"] if chosen else found["updateTime"]),
            reason=None,
        )

    def _registered(self, deployed: Mapping[str, Any]) -> Mapping[str, str]:
        """The variables that a deployed version was registered with; empty where it was deleted since."""
        name = f"{deployed['model'].partition('@')[0]}@{deployed['modelVersionId']}"
        if name not in self._known:
            try:
                self._known[name] = _variables(self._vertex.models().get(name=name).execute())
            except HttpError as error:
                if is_missing(error):
                    return {}
                raise
        return self._known[name]

    @told
    def predict(self, endpoint: str, instances: Sequence[Mapping[str, Any]]) -> Answer:
        """Send the endpoint one JSON request; Vertex AI says which version answered, and the registry its digest."""
        request = self._endpoints.predict(endpoint=endpoint, body={"instances": list(instances)})
        started = time.perf_counter()
        answer = request.execute()
        seconds = time.perf_counter() - started
        registered = self._registered(answer)
        model = {
            "name": registered.get("STILE_MODEL", answer["modelDisplayName"]),
            "version": answer["modelVersionId"],
            "sha256": registered.get("STILE_MODEL_SHA256"),
        }
        return Answer(answer["predictions"], model, seconds)

    def tracking_url(self, tracking: str) -> str:
        """MLflow's own URL."""
        return tracking

    def close(self) -> None:
        """Close the connections."""
        self._google.close()

    @staticmethod
    def _all(resource: Any, what: str, method: str = "list", **asked: Any) -> Iterator[dict[str, Any]]:
        """Yield the items of all pages of a list."""
        request = getattr(resource, method)(**asked)
        while request is not None:
            answer = request.execute()
            yield from answer.get(what, ())
            request = getattr(resource, f"{method}_next")(request, answer)


def _step(task: Mapping[str, Any]) -> Step:
    started = _moment(task["startTime"]) if "startTime" in task else None
    ended = _moment(task["endTime"]) if "endTime" in task else datetime.now(UTC)
    job = task["executorDetail"].get("customJobDetail", {}).get("job")
    return Step(
        name=task["taskName"],
        status=STEP_STATUSES[task["state"]],
        seconds=(ended - started).total_seconds() if started else None,
        job="/".join(job.split("/")[-2:]) if job else None,
        reason=task.get("error", {}).get("message"),
    )


def _status(split: Mapping[str, int], serving: Mapping[str, Any]) -> str:
    """Vertex AI gives an endpoint no status: tell it by what is deployed and who takes the traffic."""
    if not serving:
        return "empty"
    return "serving" if len(serving) == 1 and split else "changing"


def _variables(model: Mapping[str, Any]) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in model.get("containerSpec", {}).get("env", ())}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _version(model: Mapping[str, Any]) -> ModelVersion:
    """Read a version as registration wrote it: status as a label, reason as description, the rest as metadata."""
    about = {str(name): str(value) for name, value in (model.get("metadata") or {}).items()}
    return ModelVersion(
        version=int(model["versionId"]),
        approved=model.get("labels", {}).get("stile-status") == "approved",
        reason=model.get("versionDescription", ""),
        sha256=about.get("sha256", ""),
        properties=about,
        created=_moment(model["versionCreateTime"]),
    )
