"""A pipeline on the local cloud is checked when it is given, and its steps are real jobs that hand on their outputs."""

import copy
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localcloud.cloud import LocalAws
from tests.localcloud.job_images import Ground, ground

# Reads every file given to it and writes one that tells what it saw.
SCRIPT = """
import json, os, pathlib, sys, tarfile, time
ml = pathlib.Path(os.environ.get("STILE_CONTAINER_ROOT", "/")) / "opt/ml"
if os.environ.get("HANG"):
    print("hanging")
    time.sleep(600)
if os.environ.get("FAIL"):
    sys.exit(9)
if sys.argv[1:] == ["train"]:
    seen = {p.name: p.read_text() for p in (ml / "input/data").rglob("*.txt")}
    seen["hyperparameters"] = json.loads((ml / "input/config/hyperparameters.json").read_text())
    (ml / "model/model.json").write_text(json.dumps(seen))
else:
    seen = {p.name: p.read_text() for p in (ml / "processing/input").rglob("*.txt")}
    for archive in (ml / "processing/input").rglob("model.tar.gz"):
        with tarfile.open(archive) as tar:
            seen["model"] = json.loads(tar.extractfile("model.json").read())
    out = ml / "processing/output/out"
    (out / "seen.txt").write_text(json.dumps({**seen, "execution": os.environ["EXECUTION"], "arguments": sys.argv[1:]}))
"""


@pytest.fixture(scope="module")
def base(local_aws: LocalAws, crane: str, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    made = ground(local_aws, crane, tmp_path_factory.mktemp("image"), SCRIPT)
    local_aws.client("s3").put_object(Bucket=made.bucket, Key="raw/first.txt", Body=b"raw data")
    return made


def join(*values: Any, on: str = "/") -> dict[str, Any]:
    return {"Std:Join": {"On": on, "Values": list(values)}}


EXECUTION = {"Get": "Execution.PipelineExecutionId"}


def processing(base: Ground, name: str, inputs: dict[str, Any], **environment: str) -> dict[str, Any]:
    """A processing step that sees its inputs and writes the output `out`."""
    return {
        "Name": name,
        "Type": "Processing",
        "Arguments": {
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
            },
            "AppSpecification": {"ImageUri": base.image, "ContainerArguments": ["--step", name]},
            "RoleArn": base.role,
            "Environment": {"EXECUTION": EXECUTION, **environment},
            "ProcessingInputs": [
                {
                    "InputName": key,
                    "AppManaged": False,
                    "S3Input": {
                        "S3Uri": uri,
                        "LocalPath": f"/opt/ml/processing/input/{key}",
                        "S3DataType": "S3Prefix",
                        "S3InputMode": "File",
                    },
                }
                for key, uri in inputs.items()
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": "out",
                        "AppManaged": False,
                        "S3Output": {
                            "S3Uri": join(f"s3://{base.bucket}/runs", EXECUTION, name, "out"),
                            "LocalPath": "/opt/ml/processing/output/out",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                ]
            },
        },
    }


def training(base: Ground, name: str, uri: Any, **environment: str) -> dict[str, Any]:
    """A training step with one channel, whose seed is a parameter."""
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}
    return {
        "Name": name,
        "Type": "Training",
        "Arguments": {
            "AlgorithmSpecification": {"TrainingImage": base.image, "TrainingInputMode": "File"},
            "RoleArn": base.role,
            "InputDataConfig": [{"ChannelName": "features", "DataSource": source}],
            "OutputDataConfig": {"S3OutputPath": join(f"s3://{base.bucket}/runs", EXECUTION, name)},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "HyperParameters": {"seed": join({"Get": "Parameters.Seed"}, on="")},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            "Environment": environment,
        },
    }


def out_of(step: str) -> dict[str, str]:
    return {"Get": f"Steps.{step}.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"}


def model_of(step: str) -> dict[str, str]:
    return {"Get": f"Steps.{step}.ModelArtifacts.S3ModelArtifacts"}


def definition(base: Ground, *steps: dict[str, Any]) -> dict[str, Any]:
    return {
        "Version": "2020-12-01",
        "Metadata": {},
        "Parameters": [
            {"Name": "Seed", "Type": "Integer", "DefaultValue": 7},
            {"Name": "RawDataUri", "Type": "String", "DefaultValue": f"s3://{base.bucket}/raw"},
        ],
        "Steps": list(steps),
    }


@pytest.fixture
def chain(base: Ground) -> dict[str, Any]:
    """Ingest, two trainings beside each other, and a step that reads both models."""
    return definition(
        base,
        processing(base, "ingest", {"raw": {"Get": "Parameters.RawDataUri"}}),
        training(base, "train-a", out_of("ingest")),
        {**training(base, "train-b", out_of("ingest")), "DependsOn": ["ingest"]},
        processing(base, "evaluate", {"a": model_of("train-a"), "b": model_of("train-b")}),
    )


def create(base: Ground, document: dict[str, Any]) -> str:
    """Create a pipeline and return its name."""
    name = base.aws.name("Pipeline")
    client = base.aws.client("sagemaker")
    client.create_pipeline(PipelineName=name, PipelineDefinition=json.dumps(document), RoleArn=base.role)
    return name


def ended(base: Ground, arn: str) -> dict[str, Any]:
    """Wait for an execution to end and describe it."""
    client = base.aws.client("sagemaker")
    while True:
        described: dict[str, Any] = client.describe_pipeline_execution(PipelineExecutionArn=arn)
        if described["PipelineExecutionStatus"] not in ("Executing", "Stopping"):
            return described
        threading.Event().wait(0.05)  # the pace of asking


def steps_of(base: Ground, arn: str) -> dict[str, dict[str, Any]]:
    found = base.aws.client("sagemaker").list_pipeline_execution_steps(PipelineExecutionArn=arn)
    return {step["StepName"]: step for step in found["PipelineExecutionSteps"]}


def test_an_execution_runs_its_steps_and_hands_on_what_they_made(base: Ground, chain: dict[str, Any]) -> None:
    """Protects the chain of a real run: parameters, references, order, jobs behind the steps, lists."""
    name, client = create(base, chain), base.aws.client("sagemaker")
    arn = client.start_pipeline_execution(
        PipelineName=name, PipelineParameters=[{"Name": "Seed", "Value": "11"}], PipelineExecutionDisplayName="first"
    )["PipelineExecutionArn"]
    described = ended(base, arn)
    steps = steps_of(base, arn)
    assert described["PipelineExecutionStatus"] == "Succeeded", steps
    assert {step: facts["StepStatus"] for step, facts in steps.items()} == dict.fromkeys(
        ("ingest", "train-a", "train-b", "evaluate"), "Succeeded"
    )
    assert steps["ingest"]["EndTime"] <= steps["train-a"]["StartTime"]
    assert steps["train-b"]["EndTime"] <= steps["evaluate"]["StartTime"]
    identifier = arn.rsplit("/", 1)[-1]
    seen = json.loads(base.text(f"runs/{identifier}/evaluate/out/seen.txt"))
    assert seen["execution"] == identifier
    assert seen["model"]["hyperparameters"] == {"seed": "11"}
    assert json.loads(seen["model"]["seen.txt"])["first.txt"] == "raw data"
    job = steps["train-a"]["Metadata"]["TrainingJob"]["Arn"].rsplit("/", 1)[-1]
    assert job.startswith(f"pipelines-{identifier}-train-a-")
    parameters = client.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)["PipelineParameters"]
    assert {entry["Name"]: entry["Value"] for entry in parameters} == {
        "Seed": "11",
        "RawDataUri": f"s3://{base.bucket}/raw",
    }
    told = client.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)
    assert json.loads(told["PipelineDefinition"]) == chain
    (summary,) = client.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]
    assert (summary["PipelineExecutionArn"], summary["PipelineExecutionDisplayName"]) == (arn, "first")


def test_a_failed_step_fails_the_execution_and_nothing_new_begins(base: Ground, chain: dict[str, Any]) -> None:
    """Protects: the step's reason is its job's, and later steps do not run on what is missing."""
    chain["Steps"][1]["Arguments"]["Environment"] = {"FAIL": "1"}
    arn = base.aws.client("sagemaker").start_pipeline_execution(PipelineName=create(base, chain))[
        "PipelineExecutionArn"
    ]
    described = ended(base, arn)
    assert described["PipelineExecutionStatus"] == "Failed"
    assert described["FailureReason"] == "Step failure: One or multiple steps failed."
    steps = steps_of(base, arn)
    assert steps["train-a"]["StepStatus"] == "Failed"
    assert steps["train-a"]["FailureReason"] == "AlgorithmError: , exit code: 9"
    assert "evaluate" not in steps


def test_a_job_that_cannot_be_made_fails_its_step_with_the_refusal(base: Ground, chain: dict[str, Any]) -> None:
    chain["Steps"][0]["Arguments"]["RoleArn"] = "arn:aws:iam::000000000000:role/nobody"
    arn = base.aws.client("sagemaker").start_pipeline_execution(PipelineName=create(base, chain))[
        "PipelineExecutionArn"
    ]
    assert ended(base, arn)["PipelineExecutionStatus"] == "Failed"
    reason = steps_of(base, arn)["ingest"]["FailureReason"]
    assert reason.startswith("ClientError: Failed to invoke sagemaker:CreateProcessingJob. Error Details: Could not")


def test_a_stopped_execution_stops_its_jobs(base: Ground, chain: dict[str, Any]) -> None:
    """Protects: after the stop no job of the execution runs, and the steps say that they were stopped."""
    chain["Steps"][1]["Arguments"]["Environment"] = {"HANG": "1"}
    name, client = create(base, chain), base.aws.client("sagemaker")
    arn = client.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]
    while "Metadata" not in steps_of(base, arn).get("train-a", {}):
        threading.Event().wait(0.05)  # the pace of asking
    with pytest.raises(ClientError, match=r"ConflictException.*running executions"):
        client.delete_pipeline(PipelineName=name)
    assert client.stop_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionArn"] == arn
    assert ended(base, arn)["PipelineExecutionStatus"] == "Stopped"
    step = steps_of(base, arn)["train-a"]
    assert step["StepStatus"] == "Stopped"
    job = step["Metadata"]["TrainingJob"]["Arn"].rsplit("/", 1)[-1]
    names = [
        one["TrainingJobName"] for one in client.list_training_jobs(StatusEquals="Stopped")["TrainingJobSummaries"]
    ]
    assert job in names
    with pytest.raises(ClientError, match=r"ConflictException.*already ended"):
        client.stop_pipeline_execution(PipelineExecutionArn=arn)
    client.delete_pipeline(PipelineName=name)
    with pytest.raises(ClientError, match=r"ResourceNotFound.*does not exist"):
        client.describe_pipeline(PipelineName=name)


def test_a_token_makes_a_request_idempotent(base: Ground, chain: dict[str, Any]) -> None:
    """Protects: a client that retries makes no second pipeline and no second run."""
    client, name = base.aws.client("sagemaker"), base.aws.name("Pipeline")
    request = {"PipelineName": name, "PipelineDefinition": json.dumps(chain), "RoleArn": base.role}
    made = [client.create_pipeline(**request, ClientRequestToken="t" * 32)["PipelineArn"] for _ in range(2)]
    assert made[0] == made[1]
    with pytest.raises(ClientError, match=r"ValidationException.*Pipeline with name \(.*\) already exists"):
        client.create_pipeline(**request)
    runs = [
        client.start_pipeline_execution(PipelineName=name, ClientRequestToken="r" * 32)["PipelineExecutionArn"]
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    ended(base, runs[0])
    assert len(client.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]) == 1


def test_an_update_holds_for_later_executions(base: Ground, chain: dict[str, Any]) -> None:
    name, client = create(base, chain), base.aws.client("sagemaker")
    fewer = copy.deepcopy(chain)
    del fewer["Steps"][1:]
    client.update_pipeline(PipelineName=name, PipelineDefinition=json.dumps(fewer), PipelineDescription="only one")
    described = client.describe_pipeline(PipelineName=name)
    assert json.loads(described["PipelineDefinition"]) == fewer
    assert described["PipelineDescription"] == "only one"
    assert described["LastModifiedTime"] > described["CreationTime"]
    arn = client.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]
    ended(base, arn)
    assert set(steps_of(base, arn)) == {"ingest"}


def cycle(document: dict[str, Any]) -> None:
    document["Steps"][0]["DependsOn"] = ["evaluate"]


def unknown_step(document: dict[str, Any]) -> None:
    document["Steps"][1]["DependsOn"] = ["nowhere"]


def unknown_parameter(document: dict[str, Any]) -> None:
    document["Steps"][1]["Arguments"]["HyperParameters"]["seed"] = {"Get": "Parameters.Sed"}


def unknown_property(document: dict[str, Any]) -> None:
    document["Steps"][3]["Arguments"]["ProcessingInputs"][0]["S3Input"]["S3Uri"] = {"Get": "Steps.train-a.Nothing"}


def unknown_member(document: dict[str, Any]) -> None:
    document["Steps"][0]["Arguments"]["Entrypoint"] = ["python"]


def wrong_type(document: dict[str, Any]) -> None:
    document["Steps"][0]["Arguments"]["ProcessingResources"]["ClusterConfig"]["InstanceCount"] = "1"


def number_as_text(document: dict[str, Any]) -> None:
    document["Steps"][1]["Arguments"]["HyperParameters"]["seed"] = {"Get": "Parameters.Seed"}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (cycle, r"Steps\[[0-9]\]: the steps need each other in a circle"),
        (unknown_step, r"Steps\[1\]: the step 'train-a' needs 'nowhere'"),
        (unknown_parameter, r"Steps\[1\].Arguments.HyperParameters.seed: there is no parameter 'Sed'"),
        (unknown_property, r"Steps\[3\].Arguments.ProcessingInputs\[0\].S3Input.S3Uri: .* no property 'Nothing'"),
        (unknown_member, r"Steps\[0\].Arguments.Entrypoint: is not known there"),
        (wrong_type, r"Steps\[0\].Arguments.ProcessingResources.ClusterConfig.InstanceCount: must be of type integer"),
        (number_as_text, r"Cannot assign property reference \[Parameters.Seed\] of type Integer to a string"),
    ],
)
def test_a_wrong_definition_is_refused_with_its_place(
    base: Ground, chain: dict[str, Any], spoil: Callable[[dict[str, Any]], None], message: str
) -> None:
    """Protects: nothing of a definition runs before all of it was found sound."""
    spoil(chain)
    with pytest.raises(ClientError, match=rf"ValidationException.*{message}"):
        create(base, chain)


@pytest.mark.parametrize(
    ("given", "message"),
    [({"Name": "Seed", "Value": "seven"}, "'seven' is no value"), ({"Name": "No", "Value": "1"}, "no such parameter")],
)
def test_a_run_with_wrong_parameters_is_refused(
    base: Ground, chain: dict[str, Any], given: dict[str, str], message: str
) -> None:
    name, client = create(base, chain), base.aws.client("sagemaker")
    with pytest.raises(ClientError, match=rf"ValidationException.*{message}"):
        client.start_pipeline_execution(PipelineName=name, PipelineParameters=[given])
    assert client.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"] == []
