"""Pipeline jobs by PipelineServiceClient over REST: their tasks run in order, fail, and are cancelled."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import aiplatform_v1 as v1
from google.protobuf import json_format

from tests.localcloud.gcp.cloud import PLACE, PROJECT
from tests.localcloud.gcp.vertex.ground import Ground, eventually

PipelineState = v1.PipelineState
ENDED = (
    PipelineState.PIPELINE_STATE_SUCCEEDED,
    PipelineState.PIPELINE_STATE_FAILED,
    PipelineState.PIPELINE_STATE_CANCELLED,
)
LAUNCHER = "google_cloud_pipeline_components.container.v1.custom_job.launcher"
SCRIPT = """
import json, os, sys, time, urllib.request
metadata = f"http://{os.environ['GCE_METADATA_HOST']}/computeMetadata/v1/instance/service-accounts/default/email"
asked = urllib.request.Request(metadata, headers={"Metadata-Flavor": "Google"})
print("I am", urllib.request.urlopen(asked).read().decode(), "and do", *sys.argv[1:], flush=True)
if "hang" in sys.argv:
    time.sleep(600)
sys.exit("fail" in sys.argv and 4)
"""


@pytest.fixture(scope="module")
def image(vertex: Ground) -> str:
    return vertex.image(SCRIPT)


@pytest.fixture(scope="module")
def accounts(vertex: Ground) -> list[str]:
    """The accounts of the pipeline and of a step."""
    return [vertex.account("roles/aiplatform.user", "roles/iam.serviceAccountUser"), vertex.account()]


@pytest.fixture(scope="module")
def pipelines(vertex: Ground) -> Iterator[v1.PipelineServiceClient]:
    with vertex.generated(v1.PipelineServiceClient) as client:
        yield client


def spec(image: str, **tasks: tuple[str, ...]) -> dict[str, Any]:
    """A KFP spec of plain containers: a task's name, then what it does and the tasks that it waits for."""
    parameters = {"word": {"parameterType": "STRING"}}
    args = ["{{$.inputs.parameters['word']}}", "{{$.pipeline_job_name}}"]
    return {
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.16.1",
        "pipelineInfo": {"name": "words"},
        "components": {"comp": {"executorLabel": "exec", "inputDefinitions": {"parameters": parameters}}},
        "deploymentSpec": {"executors": {"exec": {"container": {"image": image, "args": args}}}},
        "root": {
            "inputDefinitions": {"parameters": {"Suffix": {"parameterType": "STRING", "defaultValue": "!"}}},
            "dag": {"tasks": {name: _task(*told) for name, told in tasks.items()}},
        },
    }


def _task(word: str, *after: str) -> dict[str, Any]:
    given = {"componentInputParameter": "Suffix"} if word == "suffix" else {"runtimeValue": {"constant": word}}
    return {
        "componentRef": {"name": "comp"},
        "inputs": {"parameters": {"word": given}},
        **({"dependentTasks": list(after)} if after else {}),
    }


def launched(document: dict[str, Any], image: str, account: str) -> dict[str, Any]:
    """Let a spec's last task start a CustomJob under an account of its own, as Google's component does."""
    pool = {
        "machine_spec": {"machine_type": "n1-standard-4"},
        "replica_count": 1,
        "container_spec": {"image_uri": image, "args": ["launched"]},
    }
    payload = {"display_name": "launched", "job_spec": {"worker_pool_specs": [pool], "service_account": account}}
    options = ["--type", "CustomJob", "--payload", json.dumps(payload), "--project", PROJECT]
    container = {
        "image": "gcr.io/ml-pipeline/google-cloud-pipeline-components:2.22.0",
        "command": ["python3", "-u", "-m", LAUNCHER],
        "args": options,
    }
    outputs = {"parameters": {"gcp_resources": {"parameterType": "STRING"}}}
    document["components"]["comp-launch"] = {"executorLabel": "exec-launch", "outputDefinitions": outputs}
    document["deploymentSpec"]["executors"]["exec-launch"] = {"container": container}
    tasks = document["root"]["dag"]["tasks"]
    tasks["launch"] = {"componentRef": {"name": "comp-launch"}, "dependentTasks": list(tasks)[-1:]}
    return document


def submit(
    vertex: Ground, pipelines: v1.PipelineServiceClient, document: dict[str, Any], account: str, **values: Any
) -> str:
    """Create a pipeline job and return its name."""
    body = {
        "displayName": "words",
        "pipelineSpec": document,
        **({"serviceAccount": account} if account else {}),
        "runtimeConfig": {"gcsOutputDirectory": f"gs://{vertex.bucket}/root", "parameterValues": values},
    }
    job = v1.PipelineJob()
    json_format.ParseDict(body, job._pb)
    made = pipelines.create_pipeline_job(parent=PLACE, pipeline_job=job, pipeline_job_id=vertex.gcp.name("run"))
    return str(made.name)


def ended(pipelines: v1.PipelineServiceClient, name: str) -> v1.PipelineJob:
    """Wait until a pipeline job has ended."""

    def look() -> v1.PipelineJob | None:
        found = pipelines.get_pipeline_job(name=name)
        return found if found.state in ENDED else None

    found: v1.PipelineJob = eventually(look)
    return found


def tasks(job: v1.PipelineJob) -> dict[str, v1.PipelineTaskDetail]:
    """A pipeline job's tasks by name."""
    return {task.task_name: task for task in job.job_detail.task_details}


def said(vertex: Ground, job: str) -> list[str]:
    """The log of a custom job."""
    number = job.rpartition("/")[2]
    return vertex.logs(f'resource.type="ml_job" AND resource.labels.job_id="{number}"')


def test_tasks_run_in_order_under_their_accounts(
    vertex: Ground, image: str, accounts: list[str], pipelines: v1.PipelineServiceClient
) -> None:
    """Protects: a plain container acts as the pipeline's account, a CustomJob as its own; values are put in."""
    document = launched(spec(image, first=("suffix",), second=("two", "first")), image, accounts[1])
    name = submit(vertex, pipelines, document, accounts[0], Suffix="!!")
    found = ended(pipelines, name)
    assert found.state == PipelineState.PIPELINE_STATE_SUCCEEDED, tasks(found)
    seen = tasks(found)
    run = name.rpartition("/")[2]
    assert set(seen) == {run, "first", "second", "launch"}
    assert {task.state.name for task in seen.values()} == {"SUCCEEDED"}
    assert [one.state.name for one in seen["first"].pipeline_task_status] == ["PENDING", "RUNNING", "SUCCEEDED"]
    jobs = {one: seen[one].executor_detail.container_detail.main_job for one in ("first", "second")}
    jobs["launch"] = seen["launch"].executor_detail.custom_job_detail.job
    assert said(vertex, jobs["first"]) == [f"I am {accounts[0]} and do !! {run}"]
    assert said(vertex, jobs["second"]) == [f"I am {accounts[0]} and do two {run}"]
    assert said(vertex, jobs["launch"]) == [f"I am {accounts[1]} and do launched"]
    listed = [one for one in pipelines.list_pipeline_jobs(parent=PLACE) if one.name == name]
    assert [len(one.job_detail.task_details) for one in listed] == [0]
    pipelines.delete_pipeline_job(name=name).result(timeout=30)  # type: ignore[no-untyped-call]
    with pytest.raises(exceptions.NotFound):
        pipelines.get_pipeline_job(name=name)


def test_a_pipeline_without_an_account_acts_as_the_projects_machines(
    vertex: Ground, image: str, pipelines: v1.PipelineServiceClient
) -> None:
    """Protects: the account that every project has, without which no pipeline runs that names none."""
    found = ended(pipelines, submit(vertex, pipelines, spec(image, only=("x",)), ""))
    assert found.state == PipelineState.PIPELINE_STATE_SUCCEEDED, tasks(found)
    assert found.service_account == "100000000000-compute@developer.gserviceaccount.com"
    job = tasks(found)["only"].executor_detail.container_detail.main_job
    assert said(vertex, job)[0].startswith(f"I am {found.service_account} ")


def test_a_failed_task_fails_the_pipeline(
    vertex: Ground, image: str, accounts: list[str], pipelines: v1.PipelineServiceClient
) -> None:
    """Protects: what needs the failed task never begins, what does not need it goes on, and both are told."""
    document = spec(image, bad=("fail",), after=("never", "bad"), slow=("x",), beside=("y", "slow"))
    found = ended(pipelines, submit(vertex, pipelines, document, accounts[0]))
    assert found.state == PipelineState.PIPELINE_STATE_FAILED
    assert "The failed tasks are: [bad]" in found.error.message
    seen = {name: task.state.name for name, task in tasks(found).items()}
    assert seen.items() >= {"bad": "FAILED", "after": "NOT_TRIGGERED", "beside": "SUCCEEDED"}.items()
    assert "non-zero status of 4" in tasks(found)["bad"].error.message


def test_a_pipeline_is_cancelled_with_its_jobs(
    vertex: Ground, image: str, accounts: list[str], pipelines: v1.PipelineServiceClient
) -> None:
    """Protects: its running job is cancelled, and no other task begins."""
    name = submit(vertex, pipelines, spec(image, long=("hang",), after=("never", "long")), accounts[0])

    def running() -> str | None:
        task = tasks(pipelines.get_pipeline_job(name=name)).get("long")
        job = task.executor_detail.container_detail.main_job if task else ""
        return job if job and said(vertex, job) else None

    job = eventually(running)
    with pytest.raises(exceptions.BadRequest, match="only one that has ended"):
        pipelines.delete_pipeline_job(name=name)
    pipelines.cancel_pipeline_job(name=name)
    found = ended(pipelines, name)
    assert found.state == PipelineState.PIPELINE_STATE_CANCELLED
    assert {one: tasks(found)[one].state.name for one in ("long", "after")} == {
        "long": "CANCELLED",
        "after": "NOT_TRIGGERED",
    }
    with vertex.generated(v1.JobServiceClient) as jobs:
        assert jobs.get_custom_job(name=job).state == v1.JobState.JOB_STATE_CANCELLED
    with pytest.raises(exceptions.BadRequest, match="cannot be cancelled"):
        pipelines.cancel_pipeline_job(name=name)


def test_wrong_specs_are_refused_before_anything_runs(
    vertex: Ground, image: str, accounts: list[str], pipelines: v1.PipelineServiceClient
) -> None:
    """Protects: a mistake is told with its place, what the local cloud lacks with 501."""
    with pytest.raises(exceptions.BadRequest, match=r"needs 'nobody'"):
        submit(vertex, pipelines, spec(image, one=("x", "nobody")), accounts[0])
    with pytest.raises(exceptions.BadRequest, match=r"parameterValues.Unknown"):
        submit(vertex, pipelines, spec(image, one=("x",)), accounts[0], Unknown="1")
    lacking = spec(image, one=("x",))
    lacking["root"]["dag"]["tasks"]["one"]["parameterIterator"] = {}
    with pytest.raises(exceptions.MethodNotImplemented, match="parameterIterator"):
        submit(vertex, pipelines, lacking, accounts[0])
