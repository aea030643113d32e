"""A training job on the local cloud really runs: boto3 alone creates it, and its code comes from its image's layer."""

import io
import json
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from infra.localcloud import lifecycle
from tests.localcloud.cloud import LocalAws
from tests.localcloud.job_images import Ground, ground, wait_for

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
# What the image's one layer holds: reads what the vendor's contract promises, and does what a hyperparameter says.
SCRIPT = """
import json, os, pathlib, sys, time
ml = pathlib.Path(os.environ.get("STILE_CONTAINER_ROOT", "/")) / "opt/ml"
asked = json.loads((ml / "input/config/hyperparameters.json").read_text())
print("ran from", __file__, "with", sys.argv[1:])
print("accuracy=0.25")
print("accuracy=0.75")
(ml / "model/model.json").write_text(json.dumps({
    "environment": {k: v for k, v in os.environ.items() if k.startswith(("TRAINING_", "AWS_", "OWN"))},
    "hyperparameters": asked,
    "channels": json.loads((ml / "input/config/inputdataconfig.json").read_text()),
    "resources": json.loads((ml / "input/config/resourceconfig.json").read_text()),
    "data": {p.relative_to(ml / "input/data").as_posix(): p.read_text() for p in (ml / "input/data").rglob("*.csv")},
}))
(ml / "output/data/notes.txt").write_text("kept")
if "checkpoint" in asked:
    kept = ml / "checkpoints/deep"
    kept.mkdir(exist_ok=True)
    (kept / ("step-%d" % (len(list(kept.iterdir())) + 1))).write_text("saved")
if asked.get("do") == "fail":
    (ml / "output/failure").write_text("the data were bad")
    sys.exit(3)
if asked.get("do") == "hang":
    import subprocess
    subprocess.Popen(["sleep", "%s" % asked["mark"]], start_new_session=True)
    print("hanging")
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def base(local_aws: LocalAws, crane: str, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    made = ground(local_aws, crane, tmp_path_factory.mktemp("image"), SCRIPT)
    local_aws.client("s3").put_object(Bucket=made.bucket, Key="features/part/a.csv", Body=b"1,2\\n")
    return made


Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(base: Ground) -> Ask:
    """Make a request for a training job of an own name, with changes."""

    def make(**changes: Any) -> dict[str, Any]:
        request = {
            "TrainingJobName": base.aws.name("training"),
            "AlgorithmSpecification": {
                "TrainingImage": base.image,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "accuracy", "Regex": "accuracy=([0-9.]+)"}],
            },
            "RoleArn": base.role,
            "HyperParameters": {"seed": "7"},
            "Environment": {"OWN": "value"},
            "InputDataConfig": [
                {
                    "ChannelName": "features",
                    "DataSource": {
                        "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{base.bucket}/features/"}
                    },
                }
            ],
            "OutputDataConfig": {"S3OutputPath": f"s3://{base.bucket}/runs"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        }
        return {**request, **changes}

    return make


def archive(base: Ground, key: str) -> dict[str, bytes]:
    """Read a tar.gz from the bucket."""
    body = base.aws.client("s3").get_object(Bucket=base.bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        found = {member.name: tar.extractfile(member) for member in tar.getmembers()}
        return {name: file.read() for name, file in found.items() if file is not None}


def test_a_job_runs_its_images_code_and_leaves_model_log_and_record(base: Ground, ask: Ask) -> None:
    """Protects the promise that local jobs are real: inputs, code, log, exit and artifact, by the vendor's contract."""
    request = ask()
    name = request["TrainingJobName"]
    arn = base.aws.client("sagemaker").create_training_job(**request)["TrainingJobArn"]
    job = wait_for(base.aws, "training", name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Completed", "Completed"), job.get("FailureReason")
    key = f"runs/{name}/output/model.tar.gz"
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{base.bucket}/{key}"
    seen = json.loads(archive(base, key)["model.json"])
    assert seen["hyperparameters"] == {"seed": "7"}
    assert seen["channels"]["features"]["TrainingInputMode"] == "File"
    assert seen["resources"]["current_host"] == "algo-1"
    assert seen["data"] == {"features/part/a.csv": "1,2\\n"}
    environment = seen["environment"]
    assert (environment["TRAINING_JOB_NAME"], environment["TRAINING_JOB_ARN"]) == (name, arn)
    assert environment["OWN"] == "value"
    assert environment["AWS_ENDPOINT_URL"] == base.aws.cloud.endpoint_url
    assert environment["AWS_ACCESS_KEY_ID"] != "test"
    assert archive(base, f"runs/{name}/output/output.tar.gz") == {"notes.txt": b"kept"}
    assert base.log(LOG_GROUP, name)[0].startswith("ran from /opt/job/main.py with ['train']")
    assert [(item["MetricName"], item["Value"]) for item in job["FinalMetricDataList"]] == [("accuracy", 0.75)]
    steps = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    assert steps == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert job["CreationTime"] <= job["TrainingStartTime"] <= job["TrainingEndTime"]


def test_a_failing_job_says_why_and_leaves_no_model(base: Ground, ask: Ask) -> None:
    """Protects: a failure is never a success, and its reason is the job's own."""
    request = ask(HyperParameters={"do": "fail"})
    base.aws.client("sagemaker").create_training_job(**request)
    job = wait_for(base.aws, "training", request["TrainingJobName"])
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"] == "AlgorithmError: the data were bad, exit code: 3"
    name = request["TrainingJobName"]
    assert base.keys(f"runs/{name}/") == [f"runs/{name}/output/output.tar.gz"]


def processes(mark: str) -> list[psutil.Process]:
    """The live processes with a word in their command line."""
    return [one for one in psutil.process_iter(["cmdline"]) if mark in (one.info["cmdline"] or ())]


def test_a_stopped_job_and_all_its_processes_are_gone(base: Ground, ask: Ask) -> None:
    """Protects: nothing goes on running behind a stopped job, even what left the job's session."""
    mark = "86461"
    request = ask(HyperParameters={"do": "hang", "mark": mark})
    name = request["TrainingJobName"]
    client = base.aws.client("sagemaker")
    client.create_training_job(**request)
    wait_until(lambda: bool(processes(mark)))
    client.stop_training_job(TrainingJobName=name)
    job = wait_for(base.aws, "training", name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert "FailureReason" not in job
    assert processes(mark) == []
    with pytest.raises(ClientError, match=r"ValidationException.*in status Stopped"):
        client.stop_training_job(TrainingJobName=name)


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for something outside of the client's sight; the test's own time limit ends it."""
    while not holds():
        threading.Event().wait(0.02)  # the pace of asking


def test_a_job_over_its_time_is_stopped(base: Ground, ask: Ask) -> None:
    request = ask(HyperParameters={"do": "hang", "mark": "86462"}, StoppingCondition={"MaxRuntimeInSeconds": 1})
    base.aws.client("sagemaker").create_training_job(**request)
    job = wait_for(base.aws, "training", request["TrainingJobName"])
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert processes("86462") == []


def test_a_fault_of_the_cloud_is_a_failure_of_the_job(base: Ground, ask: Ask) -> None:
    """Protects what the end-to-end tests lean on: the cloud itself can fail a job, and says that it was it."""
    request = ask()
    name = request["TrainingJobName"]
    faults = base.aws.cloud.log_path.parents[1] / "faults.toml"
    faults.write_text(f'[[fault]]\nmachine = "training_job"\naction = "run"\nname = "{name}"\nreason = "no capacity"\n')
    try:
        base.aws.client("sagemaker").create_training_job(**request)
        job = wait_for(base.aws, "training", name)
    finally:
        faults.unlink()
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "InternalServerError: FaultError: no capacity"
    assert base.keys(f"runs/{name}/") == []


def test_jobs_run_without_namespaces_too(crane: str, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects machines that give no mount namespaces: the same image and code, found by the root variable."""
    monkeypatch.setenv("STILE_JOB_ROOT", "variable")
    cloud = lifecycle.start("aws", tmp_path, lambda line: None)
    try:
        own = ground(LocalAws(cloud), crane, tmp_path, SCRIPT)
        own.aws.client("s3").put_object(Bucket=own.bucket, Key="features/a.csv", Body=b"1,2\n")
        request = ask(RoleArn=own.role, OutputDataConfig={"S3OutputPath": f"s3://{own.bucket}/runs"})
        request["AlgorithmSpecification"]["TrainingImage"] = own.image
        request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] = f"s3://{own.bucket}/features"
        own.aws.client("sagemaker").create_training_job(**request)
        name = request["TrainingJobName"]
        job = wait_for(own.aws, "training", name)
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
        assert json.loads(archive(own, f"runs/{name}/output/model.tar.gz")["model.json"])["data"] == {
            "features/a.csv": "1,2\n"
        }
        first = own.log(LOG_GROUP, name)[0]
        assert "/images/stacked/" in first
        assert "jobs get their root by variable" in cloud.log_path.read_text()
        assert first.endswith("/opt/job/main.py with ['train']")
    finally:
        lifecycle.stop("aws", tmp_path, lambda line: None)


def bucket_missing(request: dict[str, Any]) -> None:
    request["OutputDataConfig"] = {"S3OutputPath": "s3://no-such-bucket-here/runs"}


def data_missing(request: dict[str, Any]) -> None:
    request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] += "nothing/"


def role_missing(request: dict[str, Any]) -> None:
    request["RoleArn"] = "arn:aws:iam::000000000000:role/nobody"


def image_missing(request: dict[str, Any]) -> None:
    request["AlgorithmSpecification"]["TrainingImage"] = (
        request["AlgorithmSpecification"]["TrainingImage"][:-4] + "0000"
    )


def machine_unknown(request: dict[str, Any]) -> None:
    request["ResourceConfig"]["InstanceType"] = "ml.toaster.large"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (bucket_missing, "bucket does not exist: no-such-bucket-here"),
        (data_missing, "No S3 objects found under S3 URL"),
        (role_missing, "Could not assume role arn:aws:iam::000000000000:role/nobody"),
        (image_missing, "Cannot find image"),
        (machine_unknown, "resourceConfig.instanceType"),
    ],
)
def test_what_the_vendor_refuses_is_refused(
    base: Ground, ask: Ask, spoil: Callable[[dict[str, Any]], None], message: str
) -> None:
    """Protects: no job exists after a refused request, and the error names what is wrong."""
    request = ask()
    spoil(request)
    client = base.aws.client("sagemaker")
    with pytest.raises(ClientError, match=f"ValidationException.*{message}"):
        client.create_training_job(**request)
    with pytest.raises(ClientError, match=r"ValidationException.*Requested resource not found"):
        client.describe_training_job(TrainingJobName=request["TrainingJobName"])


def test_a_name_is_taken_once(base: Ground, ask: Ask) -> None:
    request = ask()
    client = base.aws.client("sagemaker")
    client.create_training_job(**request)
    with pytest.raises(ClientError, match=r"ResourceInUse.*already exists"):
        client.create_training_job(**request)
    wait_for(base.aws, "training", request["TrainingJobName"])


def test_an_ended_job_can_be_deleted_and_its_name_used_again(base: Ground, ask: Ask) -> None:
    """Protects what providers and the SDK do at the end: gone with its tags, while one that runs is refused."""
    request, client = ask(HyperParameters={"do": "hang", "mark": "9000.25"}), base.aws.client("sagemaker")
    name = request["TrainingJobName"]
    arn = client.create_training_job(**request, Tags=[{"Key": "a", "Value": "b"}])["TrainingJobArn"]
    with pytest.raises(ClientError, match=r"ResourceInUse.*only one that has ended can be deleted"):
        client.delete_training_job(TrainingJobName=name)
    client.stop_training_job(TrainingJobName=name)
    wait_for(base.aws, "training", name)
    client.delete_training_job(TrainingJobName=name)
    with pytest.raises(ClientError, match="Requested resource not found"):
        client.describe_training_job(TrainingJobName=name)
    with pytest.raises(ClientError, match=f"ResourceNotFound.*{name}"):
        client.delete_training_job(TrainingJobName=name)
    assert client.create_training_job(**ask(TrainingJobName=name))["TrainingJobArn"] == arn
    assert client.list_tags(ResourceArn=arn)["Tags"] == []
    assert wait_for(base.aws, "training", name)["TrainingJobStatus"] == "Completed"


def test_checkpoints_go_on_from_job_to_job(base: Ground, ask: Ask) -> None:
    """Protects CheckpointConfig: the folder is filled before the job, and kept even of one that fails."""
    client, prefix = base.aws.client("sagemaker"), base.aws.name("checkpoints")
    config = {"S3Uri": f"s3://{base.bucket}/{prefix}/"}
    for steps, do, status in ((1, "fail", "Failed"), (2, "end", "Completed")):
        request = ask(CheckpointConfig=config, HyperParameters={"do": do, "checkpoint": "yes"})
        client.create_training_job(**request)
        job = wait_for(base.aws, "training", request["TrainingJobName"])
        assert (job["TrainingJobStatus"], job["CheckpointConfig"]) == (status, config)
        assert base.keys(f"{prefix}/") == [f"{prefix}/deep/step-{step}" for step in range(1, steps + 1)]


def test_lists_filter_sort_and_page(base: Ground, ask: Ask) -> None:
    """Protects: a page's token leads to the rest, and a filter leaves others out."""
    client = base.aws.client("sagemaker")
    names = sorted(f"{base.aws.name('listed')}-{letter}" for letter in "abc")
    for name in names:
        client.create_training_job(**ask(TrainingJobName=name))
    pages = client.get_paginator("list_training_jobs").paginate(
        NameContains="listed", SortBy="Name", SortOrder="Ascending", MaxResults=2
    )
    found = [[job["TrainingJobName"] for job in page["TrainingJobSummaries"]] for page in pages]
    assert found == [names[:2], names[2:]]
    for name in names:
        assert wait_for(base.aws, "training", name)["TrainingJobStatus"] == "Completed"
    completed = client.list_training_jobs(NameContains="listed", StatusEquals="Completed")["TrainingJobSummaries"]
    assert {job["TrainingJobName"] for job in completed} == set(names)
