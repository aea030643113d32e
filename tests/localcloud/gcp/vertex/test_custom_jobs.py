"""Custom jobs by google-cloud-aiplatform's generated client over REST: they run, fail, and are cancelled."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import aiplatform_v1 as v1

from tests.localcloud.gcp.cloud import PLACE, PROJECT
from tests.localcloud.gcp.vertex.ground import Ground, eventually

JobState = v1.JobState
ENDED = (JobState.JOB_STATE_SUCCEEDED, JobState.JOB_STATE_FAILED, JobState.JOB_STATE_CANCELLED)

# Asks Google's own library who it is, and leaves an object as that account.
SCRIPT = """
import json, os, sys, time, urllib.request
action = sys.argv[1]
print("begun", action, flush=True)
if action == "fail":
    print("there is no such column: age", file=sys.stderr, flush=True)
    sys.exit(3)
if action == "hang":
    time.sleep(600)
metadata = f"http://{os.environ['GCE_METADATA_HOST']}/computeMetadata/v1/instance/service-accounts/default/"

def ask(path):
    return urllib.request.urlopen(urllib.request.Request(metadata + path, headers={"Metadata-Flavor": "Google"})).read()

token = json.loads(ask("token"))["access_token"]
bucket, _, folder = os.environ["AIP_MODEL_DIR"].removeprefix("gs://").partition("/")
seen = {"account": ask("email").decode(), "own": os.environ["OWN"], "job": os.environ["CLOUD_ML_JOB_ID"],
        "project": os.environ["CLOUD_ML_PROJECT_ID"]}
url = f"{os.environ['STORAGE_EMULATOR_HOST']}/upload/storage/v1/b/{bucket}/o?uploadType=media&name={folder}seen.json"
request = urllib.request.Request(url, json.dumps(seen).encode(), {"Authorization": f"Bearer {token}"}, method="POST")
urllib.request.urlopen(request).read()
"""


@pytest.fixture(scope="module")
def image(vertex: Ground) -> str:
    return vertex.image(SCRIPT)


@pytest.fixture(scope="module")
def account(vertex: Ground) -> str:
    """A service account of the project."""
    return vertex.account("roles/storage.objectAdmin")


@pytest.fixture(scope="module")
def jobs(vertex: Ground) -> Iterator[v1.JobServiceClient]:
    with vertex.generated(v1.JobServiceClient) as client:
        yield client


def job(vertex: Ground, image: str, action: str, **spec: Any) -> dict[str, Any]:
    """A job that does one thing."""
    container = {"image_uri": image, "args": [action], "env": [{"name": "OWN", "value": "$(CLOUD_ML_PROJECT_ID)!"}]}
    pool = {"machine_spec": {"machine_type": "n1-standard-4"}, "replica_count": 1, "container_spec": container}
    output = {"output_uri_prefix": f"gs://{vertex.bucket}/{vertex.gcp.name('out')}"}
    return {
        "display_name": action,
        "job_spec": {"worker_pool_specs": [pool], "base_output_directory": output, **spec},
        "labels": {"stile-stage": "training"},
    }


def ended(jobs: v1.JobServiceClient, name: str) -> v1.CustomJob:
    """Wait until a job has ended."""

    def look() -> v1.CustomJob | None:
        found = jobs.get_custom_job(name=name)
        return found if found.state in ENDED else None

    found: v1.CustomJob = eventually(look)
    return found


def states(vertex: Ground, name: str) -> list[str]:
    """The states of a job, in order."""
    changes = [one["changed"] for one in vertex.gcp.journal(name)]
    return [change["state"] for change in changes if "state" in change]


def test_a_job_runs_under_its_account(vertex: Ground, image: str, account: str, jobs: v1.JobServiceClient) -> None:
    """Protects: the container runs as the account, with its variables, and its states and log are Vertex's."""
    asked = job(vertex, image, "work", service_account=account)
    made = jobs.create_custom_job(parent=PLACE, custom_job=v1.CustomJob(asked))
    found = ended(jobs, made.name)
    assert found.state == JobState.JOB_STATE_SUCCEEDED, found.error
    assert all((found.create_time, found.start_time, found.end_time))
    number = made.name.rpartition("/")[2]
    seen = vertex.text(f"{asked['job_spec']['base_output_directory']['output_uri_prefix']}/model/seen.json")
    assert f'"account": "{account}"' in seen
    assert f'"own": "{PROJECT}!"' in seen
    assert f'"job": "{number}"' in seen
    assert vertex.logs(f'resource.type="ml_job" AND resource.labels.job_id="{number}"') == ["begun work"]
    assert states(vertex, made.name) == ["JOB_STATE_PENDING", "JOB_STATE_RUNNING", "JOB_STATE_SUCCEEDED"]
    jobs.delete_custom_job(name=made.name).result(timeout=30)  # type: ignore[no-untyped-call]
    with pytest.raises(exceptions.NotFound):
        jobs.get_custom_job(name=made.name)


def test_a_failed_job_says_why(vertex: Ground, image: str, jobs: v1.JobServiceClient) -> None:
    """Protects: FAILED with the exit code and the last lines of the log, as Vertex words it."""
    made = jobs.create_custom_job(parent=PLACE, custom_job=v1.CustomJob(job(vertex, image, "fail")))
    found = ended(jobs, made.name)
    assert found.state == JobState.JOB_STATE_FAILED
    assert "The replica workerpool0-0 exited with a non-zero status of 3." in found.error.message
    assert "there is no such column: age" in found.error.message
    listed = jobs.list_custom_jobs(request={"parent": PLACE, "filter": 'state="JOB_STATE_FAILED"'})
    assert made.name in [one.name for one in listed]


def test_a_running_job_is_cancelled(vertex: Ground, image: str, jobs: v1.JobServiceClient) -> None:
    """Protects: CANCELLING, then CANCELLED once its process is gone; only then can it be deleted."""
    made = jobs.create_custom_job(parent=PLACE, custom_job=v1.CustomJob(job(vertex, image, "hang")))
    number = made.name.rpartition("/")[2]
    eventually(lambda: vertex.logs(f'resource.labels.job_id="{number}"'))
    with pytest.raises(exceptions.BadRequest, match="only one that has ended"):
        jobs.delete_custom_job(name=made.name)
    jobs.cancel_custom_job(name=made.name)
    assert ended(jobs, made.name).state == JobState.JOB_STATE_CANCELLED
    assert states(vertex, made.name)[1:] == ["JOB_STATE_RUNNING", "JOB_STATE_CANCELLING", "JOB_STATE_CANCELLED"]
    with pytest.raises(exceptions.BadRequest, match="cannot be cancelled"):
        jobs.cancel_custom_job(name=made.name)


def test_a_job_ends_at_its_timeout(vertex: Ground, image: str, jobs: v1.JobServiceClient) -> None:
    """Protects: a job that takes longer than it may does not run on."""
    asked = job(vertex, image, "hang", scheduling={"timeout": "1s"})
    made = jobs.create_custom_job(parent=PLACE, custom_job=v1.CustomJob(asked))
    found = ended(jobs, made.name)
    assert found.state == JobState.JOB_STATE_FAILED
    assert "maximum running time of 1s" in found.error.message


def test_an_image_that_is_not_there_fails_the_job(vertex: Ground, image: str, jobs: v1.JobServiceClient) -> None:
    """Protects: the job fails, naming the image; the request itself is fine."""
    asked = job(vertex, "us-central1-docker.pkg.dev/stile-local/none/none:1", "work")
    made = jobs.create_custom_job(parent=PLACE, custom_job=v1.CustomJob(asked))
    found = ended(jobs, made.name)
    assert (found.state, "none/none:1" in found.error.message) == (JobState.JOB_STATE_FAILED, True)


def test_wrong_jobs_are_refused(vertex: Ground, image: str, jobs: v1.JobServiceClient) -> None:
    """Protects: what cannot run is told at once: a mistake with 400, what the local cloud lacks with 501."""
    empty = v1.CustomJob({"display_name": "x", "job_spec": {"worker_pool_specs": []}})
    with pytest.raises(exceptions.BadRequest):
        jobs.create_custom_job(parent=PLACE, custom_job=empty)
    unknown = job(vertex, image, "work", service_account="nobody@stile-local.iam.gserviceaccount.com")
    with pytest.raises(exceptions.BadRequest, match="does not exist"):
        jobs.create_custom_job(parent=PLACE, custom_job=v1.CustomJob(unknown))
    several = job(vertex, image, "work")
    several["job_spec"]["worker_pool_specs"][0]["replica_count"] = 2
    with pytest.raises(exceptions.MethodNotImplemented, match="one pool of one replica"):
        jobs.create_custom_job(parent=PLACE, custom_job=v1.CustomJob(several))
