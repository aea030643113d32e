"""From a task of a KFP pipeline to the CustomJob that Vertex AI runs for it; plain values in, the REST body out.

Vertex AI runs Google's launcher of CustomJobs itself, and every other container as a CustomJob under the pipeline's
service account. Source: google_cloud_pipeline_components 2.22, container/v1/custom_job and gcp_launcher/utils.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from infra.localcloud.jobs.definition import DefinitionError, UnsupportedError
from infra.localcloud.jobs.definition_kfp import Definition, FromTask, Step
from infra.localcloud.jobs.placeholders_kfp import Value, replaced

COMPONENTS = "google_cloud_pipeline_components"
LAUNCHER = f"{COMPONENTS}.container.v1.custom_job.launcher"
GOOGLES_IMAGE = "google-cloud-pipeline-components"
RESOURCES = "gcp_resources"
# Values of these are a user's own keys, which stay as they are.
FREE_MAPS = ("labels",)
DEFAULT_MACHINE = "e2-standard-4"
"""What a plain container is said to run on; what it asks for decides on Vertex AI, and nothing here.

https://cloud.google.com/vertex-ai/docs/pipelines/machine-types
"""


def check(definition: Definition) -> None:
    """Raise UnsupportedError for a task that is no container of the user's and no launcher of a CustomJob."""
    for step in definition.steps.values():
        if is_launcher(step):
            continue
        path = f"root.dag.tasks.{step.name}"
        if GOOGLES_IMAGE in step.container["image"]:
            raise UnsupportedError(f"{path}: of Google's components, CustomJobs alone run in the local cloud.")
        if step.outputs:
            told = f"{path}: outputs of plain containers ({', '.join(step.outputs)})"
            raise UnsupportedError(f"{told} are not implemented in the local cloud.")


def check_run(definition: Definition, values: Mapping[str, Value], facts: Mapping[str, str]) -> None:
    """Make every task's job that is known before the run, and drop it. Raises DefinitionError where one cannot be."""
    for step in definition.steps.values():
        if not any(isinstance(source, FromTask) for source in step.inputs.values()):
            custom_job(step, definition.inputs(step, values, {}), facts)


def is_launcher(step: Step) -> bool:
    """True for a task that does nothing but start a CustomJob."""
    return LAUNCHER in step.container.get("command", ())


def custom_job(step: Step, inputs: Mapping[str, Value], facts: Mapping[str, str]) -> dict[str, Any]:
    """Return the CustomJob of a task, as `projects.locations.customJobs.create` takes it.

    Raises DefinitionError where a placeholder has no value, or the launcher's payload is no JSON then.
    """
    path = f"root.dag.tasks.{step.name}"
    container = replaced(dict(step.container), path, inputs, facts)
    body = _launched(container["args"], path) if is_launcher(step) else _plain(step, container, facts)
    found: dict[str, Any] = _without_empty(_in_camel_case(body))
    return found


def resources(job_name: str, endpoint: str) -> dict[str, Value]:
    """Return what a launcher's task gives to later ones: the job that it started."""
    resource = {"resourceType": "CustomJob", "resourceUri": f"{endpoint}/v1/{job_name}"}
    return {RESOURCES: json.dumps({"resources": [resource]})}


def _launched(args: Sequence[str], path: str) -> dict[str, Any]:
    options = dict(zip(args[::2], args[1::2], strict=False))
    if options.get("--type") != "CustomJob":
        raise DefinitionError(f"{path}.args", f"the launcher of CustomJobs starts no {options.get('--type')}")
    try:
        payload: dict[str, Any] = json.loads(options.get("--payload", ""), strict=False)
    except ValueError as error:
        raise DefinitionError(f"{path}.args", f"with all values put in, --payload is no JSON: {error}") from error
    scheduling = payload.get("job_spec", {}).get("scheduling", {})
    if scheduling.get("strategy") != "FLEX_START":
        scheduling.pop("max_wait_duration", None)
    return payload


def _plain(step: Step, container: Mapping[str, Any], facts: Mapping[str, str]) -> dict[str, Any]:
    """Return the CustomJob of a container that names only itself, and perhaps what it needs."""
    pool = {
        "machineSpec": {"machineType": DEFAULT_MACHINE},
        "replicaCount": 1,
        "containerSpec": {
            "imageUri": container["image"],
            **{name: container[name] for name in ("command", "args", "env") if container.get(name)},
        },
    }
    spec = {"workerPoolSpecs": [pool], "serviceAccount": facts.get("pipeline_service_account", "")}
    return {
        "displayName": f"{facts.get('pipeline_job_name', '')}-{step.name}",
        "jobSpec": spec,
        "encryptionSpec": {"kmsKeyName": facts.get("pipeline_encryption_key_name", "")},
    }


def _in_camel_case(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            _camel(name): member if _camel(name) in FREE_MAPS else _in_camel_case(member)
            for name, member in value.items()
        }
    return [_in_camel_case(member) for member in value] if isinstance(value, list) else value


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def _without_empty(value: Any) -> Any:
    """Leave out what is empty, as the launcher does: all members without content, and lists' items of that kind."""
    if isinstance(value, Mapping):
        kept = {name: _without_empty(member) for name, member in value.items()}
        return {name: member for name, member in kept.items() if member}
    if isinstance(value, list):
        kept_items = [_without_empty(member) for member in value]
        return [item for item in kept_items if item or isinstance(item, str | int | float)]
    return value
