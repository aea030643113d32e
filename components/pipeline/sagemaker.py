"""From the neutral graph to SageMaker's pipeline definition, version 2020-12-01; plain values in, JSON out.

The schema: https://aws-sagemaker-mlops.github.io/sagemaker-model-building-pipeline-definition-JSON-schema/
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from components.pipeline import Channel, FromModel, FromOutput, FromParameter, Graph, Source, Step
from components.training import JobTemplate, NetworkIds

INPUTS = "/opt/ml/processing/input"
OUTPUTS = "/opt/ml/processing/output"

EXECUTION_ID = {"Get": "Execution.PipelineExecutionId"}


@dataclass(frozen=True)
class Run:
    """What makes one model's pipeline out of a graph.

    Attributes:
        template: what all jobs share.
        runs_uri: below which each run has a folder of its own.
        environment: variables of this model's jobs, beside the template's.
        roles: under which each step acts; the template's where none is given.
        tags: of every job.
    """

    template: JobTemplate
    runs_uri: str
    environment: Mapping[str, str]
    roles: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def role(self, step: Step) -> str:
        """Return the role under which a step acts."""
        return self.roles.get(step.role, self.template.role)


def compile_graph(graph: Graph, run: Run) -> str:
    """Return the definition as JSON; the same graph gives the same text."""
    definition = {
        "Version": "2020-12-01",
        "Metadata": {},
        "Parameters": [
            {"Name": parameter.name, "Type": parameter.type, "DefaultValue": parameter.default}
            for parameter in graph.parameters
        ],
        "Steps": [_step(graph, step, run) for step in graph.steps],
    }
    return json.dumps(definition, indent=2, sort_keys=True)


def _step(graph: Graph, step: Step, run: Run) -> dict[str, Any]:
    arguments = _training(step, run) if step.kind == "training" else _processing(graph, step, run)
    tags = {"Tags": [{"Key": key, "Value": value} for key, value in run.tags.items()]} if run.tags else {}
    depends = {"DependsOn": list(step.after)} if step.after else {}
    kind = "Training" if step.kind == "training" else "Processing"
    return {"Name": step.name, "Type": kind, "Arguments": {**arguments, **tags}, **depends}


def _processing(graph: Graph, step: Step, run: Run) -> dict[str, Any]:
    template = run.template
    cluster = {
        "InstanceType": template.processing_machine,
        "InstanceCount": 1,
        "VolumeSizeInGB": template.volume_gib,
        "VolumeKmsKeyId": template.key,
    }
    return {
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": {
            "ImageUri": template.image_uri,
            "ContainerEntrypoint": ["python", "-m", step.module],
            "ContainerArguments": ["--use-case", graph.use_case, *_folder_options(step)],
        },
        "RoleArn": run.role(step),
        "ProcessingInputs": [_processing_input(channel) for channel in step.inputs],
        "ProcessingOutputConfig": {
            "KmsKeyId": template.key,
            "Outputs": [_processing_output(step, output, run) for output in step.outputs],
        },
        "Environment": _environment(run),
        "StoppingCondition": {"MaxRuntimeInSeconds": template.max_seconds},
        **({"NetworkConfig": {"VpcConfig": _vpc(template.network)}} if template.network else {}),
    }


def _folder_options(step: Step) -> list[str]:
    """Give each folder as an option of its name; channels in one folder share an option."""
    inputs = dict.fromkeys(channel.folder.split("/", maxsplit=1)[0] for channel in step.inputs)
    folders = [(name, f"{INPUTS}/{name}") for name in inputs] + [(name, f"{OUTPUTS}/{name}") for name in step.outputs]
    return [part for name, folder in folders for part in (f"--{name}", folder)]


def _processing_input(channel: Channel) -> dict[str, Any]:
    return {
        "InputName": channel.name,
        "AppManaged": False,
        "S3Input": {
            "S3Uri": _uri(channel.source),
            "LocalPath": f"{INPUTS}/{channel.folder}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
            "S3CompressionType": "None",
        },
    }


def _processing_output(step: Step, output: str, run: Run) -> dict[str, Any]:
    return {
        "OutputName": output,
        "AppManaged": False,
        "S3Output": {
            "S3Uri": _join(run.runs_uri, EXECUTION_ID, step.name, output),
            "LocalPath": f"{OUTPUTS}/{output}",
            "S3UploadMode": "EndOfJob",
        },
    }


def _training(step: Step, run: Run) -> dict[str, Any]:
    template = run.template
    return {
        "AlgorithmSpecification": {"TrainingImage": template.image_uri, "TrainingInputMode": "File"},
        "RoleArn": run.role(step),
        "InputDataConfig": [_training_input(channel) for channel in step.inputs],
        "OutputDataConfig": {
            "S3OutputPath": _join(run.runs_uri, EXECUTION_ID, step.name),
            "KmsKeyId": template.key,
        },
        "ResourceConfig": {
            "InstanceType": template.machine,
            "InstanceCount": 1,
            "VolumeSizeInGB": template.volume_gib,
            "VolumeKmsKeyId": template.key,
        },
        "HyperParameters": {name: _text(value) for name, value in step.hyperparameters},
        "Environment": _environment(run),
        "StoppingCondition": {"MaxRuntimeInSeconds": template.max_seconds},
        **({"VpcConfig": _vpc(template.network)} if template.network else {}),
    }


def _training_input(channel: Channel) -> dict[str, Any]:
    source = {
        "S3DataType": "S3Prefix",
        "S3Uri": _uri(channel.source),
        "S3DataDistributionType": "FullyReplicated",
    }
    return {"ChannelName": channel.name, "DataSource": {"S3DataSource": source}}


def _environment(run: Run) -> dict[str, Any]:
    return {
        **run.template.environment,
        **run.environment,
        "STILE_EXECUTION_ID": EXECUTION_ID,
        "STILE_MODELS_URI": _join(run.runs_uri, EXECUTION_ID),
    }


def _vpc(network: NetworkIds) -> dict[str, list[str]]:
    return {"Subnets": list(network.subnet_ids), "SecurityGroupIds": list(network.security_group_ids)}


def _uri(source: Source) -> dict[str, Any]:
    match source:
        case FromParameter(parameter):
            return {"Get": f"Parameters.{parameter}"}
        case FromOutput(step, output):
            return {"Get": f"Steps.{step}.ProcessingOutputConfig.Outputs['{output}'].S3Output.S3Uri"}
        case FromModel(step):
            return {"Get": f"Steps.{step}.ModelArtifacts.S3ModelArtifacts"}


def _text(value: str | FromParameter) -> str | dict[str, Any]:
    """Hyperparameters are text; joining a parameter with nothing makes text of a number."""
    if isinstance(value, str):
        return value
    return {"Std:Join": {"On": "", "Values": [{"Get": f"Parameters.{value.parameter}"}]}}


def _join(*parts: str | Mapping[str, str]) -> dict[str, Any]:
    return {"Std:Join": {"On": "/", "Values": list(parts)}}
