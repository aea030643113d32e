"""Builds a pipeline with the vendor's own SDK from the neutral steps on stdin; writes its definition to stdout.

Runs in this folder's environment, where nothing of ours can be imported: what it knows of the jobs' command lines is
written down here a second time.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

import boto3
from sagemaker.estimator import Estimator  # type: ignore[import-not-found]
from sagemaker.inputs import TrainingInput  # type: ignore[import-not-found]
from sagemaker.network import NetworkConfig  # type: ignore[import-not-found]
from sagemaker.processing import ProcessingInput, ProcessingOutput, Processor  # type: ignore[import-not-found]
from sagemaker.telemetry import telemetry_logging  # type: ignore[import-not-found]
from sagemaker.workflow.execution_variables import ExecutionVariables  # type: ignore[import-not-found]
from sagemaker.workflow.functions import Join  # type: ignore[import-not-found]
from sagemaker.workflow.parameters import ParameterInteger, ParameterString  # type: ignore[import-not-found]
from sagemaker.workflow.pipeline import Pipeline  # type: ignore[import-not-found]
from sagemaker.workflow.pipeline_context import PipelineSession  # type: ignore[import-not-found]
from sagemaker.workflow.steps import ProcessingStep, TrainingStep  # type: ignore[import-not-found]

Given = Mapping[str, Any]
PARAMETERS = {"Integer": ParameterInteger, "String": ParameterString}
INPUTS, OUTPUTS = "/opt/ml/processing/input", "/opt/ml/processing/output"


class Builder:
    """The vendor's objects, made step by step."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.session = PipelineSession(boto_session=boto3.Session(region_name="us-east-1"), default_bucket="unused")
        self.parameters = {
            each["name"]: PARAMETERS[each["type"]](each["name"], each["default"]) for each in given["parameters"]
        }
        self.steps: dict[str, Any] = {}

    def definition(self) -> str:
        """Return the pipeline's definition."""
        for step in self.given["steps"]:
            make = self.training if step["kind"] == "training" else self.processing
            self.steps[step["name"]] = make(step)
        pipeline = Pipeline(
            name=self.given["name"],
            parameters=list(self.parameters.values()),
            steps=list(self.steps.values()),
            sagemaker_session=self.session,
            pipeline_experiment_config=None,
        )
        return str(pipeline.definition())

    def processing(self, step: Given) -> Any:
        """Return a step that runs a module."""
        given = self.given
        names = list(dict.fromkeys(each["folder"].split("/")[0] for each in step["inputs"]))
        folders = {name: f"{INPUTS}/{name}" for name in names} | {name: f"{OUTPUTS}/{name}" for name in step["outputs"]}
        network = given["network"] and NetworkConfig(
            subnets=given["network"]["subnet_ids"], security_group_ids=given["network"]["security_group_ids"]
        )
        processor = Processor(
            **self.shared(step),
            instance_type=given["processing_machine"],
            entrypoint=["python", "-m", step["module"]],
            volume_size_in_gb=given["volume_gib"],
            max_runtime_in_seconds=given["max_seconds"],
            env=self.environment(),
            network_config=network,
        )
        arguments = processor.run(
            inputs=[
                ProcessingInput(
                    source=self.source(each), destination=f"{INPUTS}/{each['folder']}", input_name=each["name"]
                )
                for each in step["inputs"]
            ],
            outputs=[
                ProcessingOutput(
                    source=f"{OUTPUTS}/{name}", destination=self.run_folder(step["name"], name), output_name=name
                )
                for name in step["outputs"]
            ],
            arguments=[
                *("--use-case", given["use_case"]),
                *(part for name, folder in folders.items() for part in (f"--{name}", folder)),
            ],
        )
        return ProcessingStep(step["name"], step_args=arguments, depends_on=step["after"])

    def training(self, step: Given) -> Any:
        """Return a step that makes a model."""
        given = self.given
        network = given["network"] or {"subnet_ids": None, "security_group_ids": None}
        estimator = Estimator(
            **self.shared(step),
            instance_type=given["machine"],
            volume_size=given["volume_gib"],
            max_run=given["max_seconds"],
            output_path=self.run_folder(step["name"]),
            hyperparameters={name: self.value(value) for name, value in step["hyperparameters"]},
            environment=self.environment(),
            subnets=network["subnet_ids"],
            security_group_ids=network["security_group_ids"],
            debugger_hook_config=False,
            disable_profiler=True,
        )
        channels = {each["name"]: TrainingInput(self.source(each)) for each in step["inputs"]}
        return TrainingStep(step["name"], step_args=estimator.fit(inputs=channels), depends_on=step["after"])

    def shared(self, step: Given) -> dict[str, Any]:
        """Return what both kinds of jobs take."""
        given = self.given
        return {
            "role": given["roles"][step["role"]],
            "image_uri": given["image"],
            "instance_count": 1,
            "volume_kms_key": given["key"],
            "output_kms_key": given["key"],
            "sagemaker_session": self.session,
            "tags": [{"Key": key, "Value": value} for key, value in given["tags"].items()],
        }

    def environment(self) -> dict[str, Any]:
        """Return the variables of every job."""
        own = {"STILE_EXECUTION_ID": ExecutionVariables.PIPELINE_EXECUTION_ID, "STILE_MODELS_URI": self.run_folder()}
        return {**self.given["environment"], **own}

    def run_folder(self, *parts: str) -> Any:
        """Return a folder below the run's own."""
        return Join(on="/", values=[self.given["runs_uri"], ExecutionVariables.PIPELINE_EXECUTION_ID, *parts])

    def source(self, channel: Given) -> Any:
        """Return where a channel's data come from."""
        source = channel["source"]
        if "parameter" in source:
            return self.parameters[source["parameter"]]
        properties = self.steps[source["step"]].properties
        if "output" in source:
            return properties.ProcessingOutputConfig.Outputs[source["output"]].S3Output.S3Uri
        return properties.ModelArtifacts.S3ModelArtifacts

    def value(self, value: Any) -> Any:
        """Return a hyperparameter, which is a text: a parameter joined with nothing."""
        return value if isinstance(value, str) else Join(on="", values=[self.parameters[value["parameter"]]])


if __name__ == "__main__":
    # No report of usage to the vendor. Its own option is a configuration file, which the SDK then checks anew for each
    # value that it looks up: that takes many times as long as all else here.
    telemetry_logging._send_telemetry_request = lambda *_given, **_named: None
    sys.stdout.write(Builder(json.load(sys.stdin)).definition())
