"""A processing job on the local cloud really runs: inputs at their paths, outputs in the bucket when it succeeds."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.localcloud.cloud import LocalAws
from tests.localcloud.job_images import Ground, ground, wait_for

NO_RETRIES = Config(retries={"total_max_attempts": 1})
LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
SCRIPT = """
import json, os, pathlib, sys, time
root = pathlib.Path(os.environ.get("STILE_CONTAINER_ROOT", "/"))
processing = root / "opt/ml/processing"
print("arguments", sys.argv[1:])
found = {p.relative_to(processing).as_posix(): p.read_text() for p in (processing / "input").rglob("*.csv")}
(processing / "output/report/deep").mkdir()
(processing / "output/report/deep/seen.json").write_text(json.dumps({
    "files": found,
    "config": json.loads((root / "opt/ml/config/processingjobconfig.json").read_text()),
    "resources": json.loads((root / "opt/ml/config/resourceconfig.json").read_text()),
    "own": os.environ.get("OWN"),
    "name": os.environ["PROCESSING_JOB_NAME"],
}))
(root / "opt/ml/output/message").write_text("looked at %d files" % len(found))
if "hang" in sys.argv:
    time.sleep(600)
sys.exit(5 if "fail" in sys.argv else 0)
"""


@pytest.fixture(scope="module")
def base(local_aws: LocalAws, crane: str, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    made = ground(local_aws, crane, tmp_path_factory.mktemp("image"), SCRIPT)
    local_aws.client("s3").put_object(Bucket=made.bucket, Key="raw/a.csv", Body=b"1,2\n")
    local_aws.client("s3").put_object(Bucket=made.bucket, Key="raw/deep/b.csv", Body=b"3,4\n")
    return made


Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(base: Ground) -> Ask:
    """Make a request for a processing job of an own name."""

    def make(*arguments: str, source: str = "raw") -> dict[str, Any]:
        name = base.aws.name("processing")
        return {
            "ProcessingJobName": name,
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
            },
            "AppSpecification": {
                "ImageUri": base.image,
                "ContainerEntrypoint": ["python", "-u", "/opt/job/main.py"],
                "ContainerArguments": ["--in", "/opt/ml/processing/input/raw", *arguments],
            },
            "RoleArn": base.role,
            "Environment": {"OWN": "value"},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            "ProcessingInputs": [
                {
                    "InputName": "raw",
                    "S3Input": {
                        "S3Uri": f"s3://{base.bucket}/{source}",
                        "LocalPath": "/opt/ml/processing/input/raw",
                        "S3DataType": "S3Prefix",
                        "S3InputMode": "File",
                    },
                }
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": "report",
                        "S3Output": {
                            "S3Uri": f"s3://{base.bucket}/out/{name}/report",
                            "LocalPath": "/opt/ml/processing/output/report",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                ]
            },
        }

    return make


def test_a_job_finds_its_inputs_and_its_outputs_are_uploaded(base: Ground, ask: Ask) -> None:
    """Protects the vendor's contract with a processing container, from inputs to exit message."""
    request = ask()
    name = request["ProcessingJobName"]
    base.aws.client("sagemaker").create_processing_job(**request)
    job = wait_for(base.aws, "processing", name)
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["ExitMessage"] == "looked at 2 files"
    assert job["ProcessingOutputConfig"] == request["ProcessingOutputConfig"]
    seen = json.loads(base.text(f"out/{name}/report/deep/seen.json"))
    assert seen["files"] == {"input/raw/a.csv": "1,2\n", "input/raw/deep/b.csv": "3,4\n"}
    assert seen["config"]["ProcessingInputs"] == request["ProcessingInputs"]
    assert seen["resources"] == {"current_host": "algo-1", "hosts": ["algo-1"]}
    assert (seen["own"], seen["name"]) == ("value", name)
    assert base.log(LOG_GROUP, name) == ["arguments ['--in', '/opt/ml/processing/input/raw']"]


def test_a_failing_job_says_why_and_uploads_nothing(base: Ground, ask: Ask) -> None:
    """Protects: what a failed job left is not taken for a result."""
    request = ask("fail")
    name = request["ProcessingJobName"]
    base.aws.client("sagemaker").create_processing_job(**request)
    job = wait_for(base.aws, "processing", name)
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: looked at 2 files, exit code: 5"
    assert base.keys(f"out/{name}/") == []


def test_missing_inputs_fail_the_job_and_not_the_request(base: Ground, ask: Ask) -> None:
    """Protects: as with the vendor, a pipeline's step fails when it runs, with the prefix that is empty."""
    request = ask(source="nothing-here")
    base.aws.client("sagemaker").create_processing_job(**request)
    job = wait_for(base.aws, "processing", request["ProcessingJobName"])
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: No S3 objects found under S3 URL")


def test_a_job_is_stopped_and_listed_as_such(base: Ground, ask: Ask) -> None:
    request = ask("hang")
    name = request["ProcessingJobName"]
    client = base.aws.client("sagemaker")
    client.create_processing_job(**request)
    client.stop_processing_job(ProcessingJobName=name)
    assert wait_for(base.aws, "processing", name)["ProcessingJobStatus"] == "Stopped"
    listed = client.list_processing_jobs(NameContains=name, StatusEquals="Stopped")["ProcessingJobSummaries"]
    assert [job["ProcessingJobName"] for job in listed] == [name]


def outside(request: dict[str, Any]) -> None:
    request["ProcessingInputs"][0]["S3Input"]["LocalPath"] = "/etc"


def twice(request: dict[str, Any]) -> None:
    request["ProcessingInputs"] *= 2


def test_an_ended_job_can_be_deleted(base: Ground, ask: Ask) -> None:
    request, client = ask("hang"), base.aws.client("sagemaker")
    name = request["ProcessingJobName"]
    client.create_processing_job(**request)
    with pytest.raises(ClientError, match=r"ResourceInUse.*only one that has ended can be deleted"):
        client.delete_processing_job(ProcessingJobName=name)
    client.stop_processing_job(ProcessingJobName=name)
    wait_for(base.aws, "processing", name)
    client.delete_processing_job(ProcessingJobName=name)
    with pytest.raises(ClientError, match=f"Could not find requested job with name: {name}"):
        client.describe_processing_job(ProcessingJobName=name)


@pytest.mark.parametrize(("spoil", "message"), [(outside, "LocalPath must be"), (twice, "names must be unique")])
def test_what_the_vendor_refuses_is_refused(
    base: Ground, ask: Ask, spoil: Callable[[dict[str, Any]], None], message: str
) -> None:
    request = ask()
    spoil(request)
    client = base.aws.client("sagemaker")
    with pytest.raises(ClientError, match=rf"ValidationException.*{message}"):
        client.create_processing_job(**request)
    with pytest.raises(ClientError, match="Could not find requested job"):
        client.describe_processing_job(ProcessingJobName=request["ProcessingJobName"])


def test_what_is_not_emulated_is_never_a_success(base: Ground, ask: Ask) -> None:
    """Protects the honesty of the local cloud: half of a request is never run."""
    request = ask()
    request["ProcessingResources"]["ClusterConfig"]["InstanceCount"] = 2
    with pytest.raises(ClientError, match="not implemented in the local cloud") as refused:
        base.aws.client("sagemaker", config=NO_RETRIES).create_processing_job(**request)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
