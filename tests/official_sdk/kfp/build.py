"""Builds a pipeline with the vendor's own compiler from the neutral steps on stdin; writes the spec to stdout.

Runs in this folder's environment, where nothing of ours can be imported: what it knows of the jobs' command lines is
written down here a second time.
"""

import inspect
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from google_cloud_pipeline_components.v1.custom_job import (  # type: ignore[import-not-found]
    create_custom_training_job_from_component,
)
from kfp import compiler, dsl  # type: ignore[import-not-found]

Given = Mapping[str, Any]
Body = Callable[[Given], Any]
PYTHON_TYPES: Mapping[str, type] = {"Integer": int, "String": str}


def function(name: str, types: Mapping[str, type], body: Body, defaults: Given | None = None) -> Any:
    """Return a function of this name that takes parameters of these types, as kfp reads it from a signature."""
    taken = [
        inspect.Parameter(
            each,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            annotation=kind,
            default=(defaults or {}).get(each, inspect.Parameter.empty),
        )
        for each, kind in types.items()
    ]

    signature = inspect.Signature(taken)

    def made(*given: Any, **named: Any) -> Any:
        return body(signature.bind(*given, **named).arguments)

    made.__name__ = name
    made.__annotations__ = dict(types)
    made.__signature__ = signature  # type: ignore[attr-defined]
    return made


def run_folder(given: Given) -> str:
    """Return the folder of a run."""
    return f"{given['runs_uri']}/{dsl.PIPELINE_JOB_NAME_PLACEHOLDER}"


def folder(given: Given, source: Given, values: Given) -> str:
    """Return the URI that a channel reads."""
    if "parameter" in source:
        return str(values[source["parameter"]])
    return f"{run_folder(given)}/{source['step']}/{source.get('output', 'model')}"


def container(given: Given, step: Given, values: Given) -> Any:
    """Return what a step's container runs."""
    run = run_folder(given)
    inputs = [f"--input={each['folder']}={folder(given, each['source'], values)}" for each in step["inputs"]]
    if step["kind"] == "training":
        options = [
            f"--{name}={value if isinstance(value, str) else values[value['parameter']]}"
            for name, value in step["hyperparameters"]
        ]
        args = ["train", *inputs, *options]
    else:
        outputs = [f"--output={each}={run}/{step['name']}/{each}" for each in step["outputs"]]
        args = ["run", step["module"], *inputs, *outputs, f"--use-case={given['use_case']}"]
    return dsl.ContainerSpec(image=given["image"], args=args)


def component(given: Given, step: Given, types: Mapping[str, type]) -> Any:
    """Return a step as a component whose container runs as a CustomJob."""
    run = run_folder(given)
    name = step["name"].replace("-", "_")
    body = function(name, types, lambda values: container(given, step, values))
    environment = {**given["environment"], "STILE_EXECUTION_ID": dsl.PIPELINE_JOB_NAME_PLACEHOLDER}
    environment["STILE_MODELS_URI"] = run
    training = step["kind"] == "training"
    return create_custom_training_job_from_component(
        dsl.container_component(body),
        display_name=f"{dsl.PIPELINE_JOB_NAME_PLACEHOLDER}-{step['name']}",
        machine_type=given["machine"] if training else given["processing_machine"],
        boot_disk_size_gb=max(given["volume_gib"], 100),
        timeout=f"{given['max_seconds']}s",
        service_account=given["roles"][step["role"]],
        network=given["network"],
        encryption_spec_key_name=given["key"],
        base_output_directory=f"{run}/{step['name']}" if training else "",
        labels=given["tags"],
        env=[{"name": name, "value": environment[name]} for name in sorted(environment)],
        reserved_ip_ranges=[],
        psc_interface_config={},
    )


def read_by(step: Given) -> set[str]:
    """Return the names of the parameters that a step reads."""
    values = [each["source"] for each in step["inputs"]] + [value for _, value in step["hyperparameters"]]
    return {value["parameter"] for value in values if isinstance(value, dict) and "parameter" in value}


def main(given: Given) -> str:
    """Compile the pipeline and return its spec, in one line."""
    kinds = {each["name"]: PYTHON_TYPES[each["type"]] for each in given["parameters"]}
    defaults = {each["name"]: each["default"] for each in given["parameters"]}
    # Outside of the pipeline's function: https://github.com/kubeflow/pipelines/issues/9320
    taken = {step["name"]: {name: kinds[name] for name in kinds if name in read_by(step)} for step in given["steps"]}
    components = {step["name"]: component(given, step, taken[step["name"]]) for step in given["steps"]}

    def steps(values: Given) -> None:
        tasks: dict[str, Any] = {}
        for step in given["steps"]:
            name = step["name"]
            task = components[name](**{each: values[each] for each in taken[name]})
            task.set_display_name(name)
            task.set_caching_options(False)
            before = {*step["after"], *(each["source"]["step"] for each in step["inputs"] if "step" in each["source"])}
            tasks[name] = task.after(*(tasks[each] for each in sorted(before))) if before else task

    pipeline = dsl.pipeline(name=given["name"], pipeline_root=given["root_uri"])(
        function("pipeline", kinds, steps, defaults)
    )
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "pipeline.json"
        compiler.Compiler().compile(pipeline, str(path))
        return json.dumps(json.loads(path.read_text()))


if __name__ == "__main__":
    sys.stdout.write(main(json.load(sys.stdin)))
