"""kill -9 of a job: its step and its pipeline fail, and say with what the job ended."""

import json
from pathlib import Path
from typing import Any

import psutil

from tests.localcloud.cloud import LocalAws
from tests.localcloud.endpoint_ground import eventually
from tests.localcloud.job_images import Ground, ground

SCRIPT = """
import time
print("working", flush=True)
time.sleep(600)
"""


def definition(base: Ground, mark: str) -> str:
    """A pipeline of one step, whose job has a mark among its arguments."""
    machine = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    step = {
        "Name": "work",
        "Type": "Processing",
        "Arguments": {
            "ProcessingResources": {"ClusterConfig": machine},
            "AppSpecification": {"ImageUri": base.image, "ContainerArguments": [mark]},
            "RoleArn": base.role,
        },
    }
    return json.dumps({"Version": "2020-12-01", "Steps": [step]})


def program(mark: str) -> psutil.Process | None:
    """The job's own process: the innermost of those that were started with its arguments."""
    found = [one for one in psutil.process_iter(["cmdline"]) if mark in (one.info["cmdline"] or ())]
    try:
        inner = [one for one in found if not any(child in found for child in one.children())]
        return inner[0] if inner and "python" in inner[0].name() else None
    except psutil.NoSuchProcess:  # those that only start it come and go: look again
        return None


def test_the_step_of_a_killed_job_fails_with_its_exit_code(local_aws: LocalAws, crane: str, tmp_path: Path) -> None:
    """137, as a container killed for lack of memory ends on the vendor's cloud."""
    base = ground(local_aws, crane, tmp_path, SCRIPT)
    sagemaker, name = local_aws.client("sagemaker"), local_aws.name("killed")
    sagemaker.create_pipeline(
        PipelineName=name,
        PipelineDefinition=definition(base, f"{name}-mark"),
        ClientRequestToken="1" * 32,
        RoleArn=base.role,
    )
    run = sagemaker.start_pipeline_execution(PipelineName=name, ClientRequestToken="2" * 32)["PipelineExecutionArn"]
    found: psutil.Process = eventually(lambda: program(f"{name}-mark"))
    found.kill()

    def ended() -> dict[str, Any] | None:
        described: dict[str, Any] = sagemaker.describe_pipeline_execution(PipelineExecutionArn=run)
        return described if described["PipelineExecutionStatus"] != "Executing" else None

    assert eventually(ended)["PipelineExecutionStatus"] == "Failed"
    (step,) = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=run)["PipelineExecutionSteps"]
    assert step["StepStatus"] == "Failed"
    assert "exit code: 137" in step["FailureReason"]
