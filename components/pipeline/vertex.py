"""From the neutral graph to a KFP pipeline spec, schema version 2.1.0, for Vertex AI; plain values in, JSON out.

The schema: https://github.com/kubeflow/pipelines/blob/master/api/v2alpha1/pipeline_spec.proto

Each step is a Vertex AI CustomJob, started by the launcher of Google's pipeline components: what
`create_custom_training_job_from_component` of google-cloud-pipeline-components 2.22.0 makes of a container component.
Vertex runs that launcher itself. It is the one form in which a step acts under a service account of its own: a plain
container step acts under the pipeline's, and Vertex refuses another one ("Specifying custom service account is not
supported", https://github.com/kubeflow/pipelines/issues/7123). The pipeline's account needs iam.serviceAccounts.actAs
on each step's, and aiplatform.customJobs.create.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from components.errors import StileError
from components.pipeline import Channel, FromModel, FromOutput, FromParameter, Graph, Parameter, Source, Step
from components.training import JobTemplate

SCHEMA_VERSION = "2.1.0"
# The compiler whose form this is: Vertex and its SDK read the prefix `kfp-2`.
SDK_VERSION = "kfp-2.16.1"
LAUNCHER_IMAGE = "gcr.io/ml-pipeline/google-cloud-pipeline-components:2.22.0"
LAUNCHER = ["python3", "-u", "-m", "google_cloud_pipeline_components.container.v1.custom_job.launcher"]

EXECUTION_ID = "{{$.pipeline_job_name}}"
MODEL_FOLDER = "model"
"""Where Vertex's AIP_MODEL_DIR points below a job's output directory."""

SMALLEST_DISK_GIB = 100
"""Vertex takes boot disks of 100 to 64000 GB: https://cloud.google.com/vertex-ai/docs/training/configure-compute"""

SETTINGS: Mapping[str, str] = {
    "project": "STRING",
    "location": "STRING",
    "display_name": "STRING",
    "worker_pool_specs": "LIST",
    "timeout": "STRING",
    "restart_job_on_worker_restart": "BOOLEAN",
    "strategy": "STRING",
    "max_wait_duration": "STRING",
    "service_account": "STRING",
    "tensorboard": "STRING",
    "enable_web_access": "BOOLEAN",
    "network": "STRING",
    "reserved_ip_ranges": "LIST",
    "base_output_directory": "STRING",
    "persistent_resource_id": "STRING",
    "psc_interface_config": "STRUCT",
    "labels": "STRUCT",
    "encryption_spec_key_name": "STRING",
}
"""What the launcher takes, with its type in the spec."""

PARAMETER_TYPES: Mapping[str, str] = {"Integer": "NUMBER_INTEGER", "String": "STRING"}


@dataclass(frozen=True)
class Run:
    """What makes one model's pipeline out of a graph.

    Attributes:
        template: what all jobs share; roles are service accounts' addresses.
        runs_uri: below which each run has a folder of its own.
        environment: variables of this model's jobs, beside the template's.
        roles: under which each step acts; the template's where none is given.
        tags: labels of every job.
        name: the pipeline's name.
        root_uri: where Vertex itself leaves what it notes of a run.
        network: full name of the network that jobs are peered with, `projects/<number>/global/networks/<name>`.
    """

    template: JobTemplate
    runs_uri: str
    environment: Mapping[str, str]
    roles: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    name: str = "pipeline"
    root_uri: str = ""
    network: str = ""

    def role(self, step: Step) -> str:
        """Return the service account under which a step acts."""
        return self.roles.get(step.role, self.template.role)


def compile_graph(graph: Graph, run: Run) -> str:
    """Return the spec as JSON; the same graph gives the same text.

    Raises StileError for a template with AWS's subnets: on Vertex a network has one name, `Run.network`.
    """
    if run.template.network is not None:
        fix = "give the full name of the network that is peered with Vertex AI instead"
        raise StileError("jobs on Vertex AI take no subnets or security groups", path="network", fix=fix)
    spec = {
        "schemaVersion": SCHEMA_VERSION,
        "sdkVersion": SDK_VERSION,
        "pipelineInfo": {"name": run.name},
        **({"defaultPipelineRoot": run.root_uri} if run.root_uri else {}),
        "components": {f"comp-{step.name}": _component(graph, step, run) for step in graph.steps},
        "deploymentSpec": {"executors": {f"exec-{step.name}": _executor() for step in graph.steps}},
        "root": {
            "dag": {"tasks": {step.name: _task(step) for step in graph.steps}},
            "inputDefinitions": {"parameters": {each.name: _parameter(each) for each in graph.parameters}},
        },
    }
    return json.dumps(spec, indent=2, sort_keys=True)


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return _defaulted(PARAMETER_TYPES[parameter.type], parameter.default)


def _defaulted(kind: str, default: object) -> dict[str, Any]:
    return {"parameterType": kind, "defaultValue": default, "isOptional": True}


def _task(step: Step) -> dict[str, Any]:
    after = sorted({*step.after, *(made for channel in step.inputs for made in _made_by(channel))})
    inputs = {name: {"componentInputParameter": name} for name in _parameters(step)}
    return {
        "componentRef": {"name": f"comp-{step.name}"},
        "taskInfo": {"name": step.name},
        # No caching: what a step writes lies in its own run's folder, and a cached step would write nothing there.
        "cachingOptions": {},
        **({"inputs": {"parameters": inputs}} if inputs else {}),
        **({"dependentTasks": after} if after else {}),
    }


def _component(graph: Graph, step: Step, run: Run) -> dict[str, Any]:
    """Give what the launcher asks for as defaults, beside the run's parameters that the step reads."""
    settings = {name: _defaulted(SETTINGS[name], value) for name, value in _settings(graph, step, run).items()}
    types = {parameter.name: PARAMETER_TYPES[parameter.type] for parameter in graph.parameters}
    own = {name: {"parameterType": types[name]} for name in _parameters(step)}
    return {
        "executorLabel": f"exec-{step.name}",
        "inputDefinitions": {"parameters": {**settings, **own}},
        "outputDefinitions": {"parameters": {"gcp_resources": {"parameterType": "STRING"}}},
    }


def _settings(graph: Graph, step: Step, run: Run) -> dict[str, Any]:
    """Return all that a CustomJob is made of; empty is what the launcher leaves out."""
    return {
        "project": "{{$.pipeline_google_cloud_project_id}}",
        "location": "{{$.pipeline_google_cloud_location}}",
        "display_name": f"{EXECUTION_ID}-{step.name}",
        "worker_pool_specs": [_worker_pool(graph, step, run)],
        "timeout": f"{run.template.max_seconds}s",
        "restart_job_on_worker_restart": False,
        "strategy": "STANDARD",
        "max_wait_duration": "86400s",
        "service_account": run.role(step),
        "tensorboard": "",
        "enable_web_access": False,
        "network": run.network,
        "reserved_ip_ranges": [],
        "base_output_directory": _join(run, step.name) if step.kind == "training" else "",
        "persistent_resource_id": "{{$.pipeline_persistent_resource_id}}",
        "psc_interface_config": {},
        "labels": dict(run.tags),
        "encryption_spec_key_name": run.template.key,
    }


def _worker_pool(graph: Graph, step: Step, run: Run) -> dict[str, Any]:
    template = run.template
    training = step.kind == "training"
    environment = _environment(run)
    return {
        "machine_spec": {"machine_type": template.machine if training else template.processing_machine},
        "replica_count": 1,
        "container_spec": {
            "image_uri": template.image_uri,
            "command": [],  # the image's own, which knows the contract
            "args": _training(step, run) if training else _processing(graph, step, run),
            "env": [{"name": name, "value": value} for name, value in sorted(environment.items())],
        },
        "disk_spec": {
            "boot_disk_type": "pd-ssd",
            "boot_disk_size_gb": max(template.volume_gib, SMALLEST_DISK_GIB),
        },
    }


def _processing(graph: Graph, step: Step, run: Run) -> list[str]:
    outputs = [f"--output={output}={_join(run, step.name, output)}" for output in step.outputs]
    return ["run", step.module, *_inputs(step, run), *outputs, f"--use-case={graph.use_case}"]


def _training(step: Step, run: Run) -> list[str]:
    return ["train", *_inputs(step, run), *(f"--{name}={_text(value)}" for name, value in step.hyperparameters)]


def _inputs(step: Step, run: Run) -> list[str]:
    return [f"--input={channel.folder}={_uri(channel.source, run)}" for channel in step.inputs]


def _environment(run: Run) -> dict[str, str]:
    return {
        **run.template.environment,
        **run.environment,
        "STILE_EXECUTION_ID": EXECUTION_ID,
        "STILE_MODELS_URI": _join(run),
    }


def _uri(source: Source, run: Run) -> str:
    match source:
        case FromParameter(parameter):
            return _input(parameter)
        case FromOutput(step, output):
            return _join(run, step, output)
        case FromModel(step):
            return _join(run, step, MODEL_FOLDER)


def _text(value: str | FromParameter) -> str:
    return value if isinstance(value, str) else _input(value.parameter)


def _input(name: str) -> str:
    return f"{{{{$.inputs.parameters['{name}']}}}}"


def _join(run: Run, *parts: str) -> str:
    return "/".join((run.runs_uri, EXECUTION_ID, *parts))


def _parameters(step: Step) -> list[str]:
    """Return the run's parameters that a step reads."""
    values = [channel.source for channel in step.inputs] + [value for _, value in step.hyperparameters]
    return sorted({value.parameter for value in values if isinstance(value, FromParameter)})


def _made_by(channel: Channel) -> list[str]:
    """Return the step that makes what a channel reads, if one does."""
    return [channel.source.step] if isinstance(channel.source, FromOutput | FromModel) else []


def _executor() -> dict[str, Any]:
    """Return the launcher with its payload, in which the component's parameters are put as text or as JSON."""
    words = [
        *("--type", "CustomJob", "--payload", _payload()),
        *("--project", _input("project"), "--location", _input("location")),
        *("--gcp_resources", "{{$.outputs.parameters['gcp_resources'].output_file}}"),
    ]
    return {"container": {"image": LAUNCHER_IMAGE, "command": LAUNCHER, "args": words}}


def _payload() -> str:
    """Return the request for a CustomJob as the launcher takes it, each value a placeholder."""
    value = {name: _input(name) for name in SETTINGS}
    scheduling = ("timeout", "restart_job_on_worker_restart", "strategy", "max_wait_duration")
    in_order = ("service_account", "tensorboard", "enable_web_access", "network", "reserved_ip_ranges")
    job_spec = {
        "worker_pool_specs": value["worker_pool_specs"],
        "scheduling": {name: value[name] for name in scheduling},
        **{name: value[name] for name in in_order},
        "base_output_directory": {"output_uri_prefix": value["base_output_directory"]},
        "persistent_resource_id": value["persistent_resource_id"],
        "psc_interface_config": value["psc_interface_config"],
    }
    payload = {
        "display_name": value["display_name"],
        "job_spec": job_spec,
        "labels": value["labels"],
        "encryption_spec": {"kms_key_name": value["encryption_spec_key_name"]},
    }
    text = json.dumps(payload)
    for name, kind in SETTINGS.items():
        if kind != "STRING":  # becomes JSON, where a text stays between its quotes
            text = text.replace(f'"{value[name]}"', value[name])
    return text
