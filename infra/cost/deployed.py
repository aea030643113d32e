"""An environment as its state has it, to be priced beside what its configuration declares.

A pipeline's runs are read from its definition, which a state has whole: what they take may be what is to change.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from infra.cost.book import CLOUDS
from infra.cost.plan import PIPELINE, Plan
from infra.graph import STACK_TYPE, Graph, Resource, from_state

PLATFORM = "stile:index:Platform"

Job = tuple[str, bool]
"""A job's machine type, and whether it trains."""


def deployed(declared: Plan, resources: Sequence[Mapping[str, Any]]) -> Plan | None:
    """Return what a state has of an environment; None if nothing of it stands in a cloud.

    Args:
        declared: the same environment by its configuration; it says what an interrupted first `up` left unsaid.
        resources: those of the exported state, best with secrets in the clear: Google's provider takes every object's
            content for one, a pipeline's definition too.
    """
    graph = from_state(resources)
    standing = {one.urn for one in graph.resources}
    if not any(one.get("custom") and one["urn"] in standing for one in resources):
        return None
    outputs: Mapping[str, Any] = next((one.get("outputs") or {} for one in resources if one["type"] == STACK_TYPE), {})
    prefix = next((one.name for one in graph.resources if one.type == PLATFORM), declared.prefix)
    pipelines = [one for one in graph.resources if one.type == PIPELINE]
    return Plan(
        declared.environment,
        _cloud(graph) or declared.cloud,
        str(outputs.get("region", declared.region)),
        prefix,
        tuple(one.name.removeprefix(f"{prefix}-") for one in pipelines),
        _with_runs(graph, pipelines),
    )


def _cloud(graph: Graph) -> str | None:
    packages = {one.type.split(":", maxsplit=1)[0] for one in graph.resources}
    return next((cloud for cloud in CLOUDS if cloud in packages), None)


def _with_runs(graph: Graph, pipelines: Sequence[Resource]) -> Graph:
    """Give each pipeline's component what a run takes; nothing where its definition cannot be read."""
    of = {one.parent: one for one in graph.resources if one.type in DEFINITIONS}
    runs = {one.urn: _run(of[one.urn]) for one in pipelines if one.urn in of}
    return Graph(tuple(replace(one, inputs=runs[one.urn]) if one.urn in runs else one for one in graph.resources))


def _run(definition: Resource) -> Mapping[str, Any]:
    key, jobs_of = DEFINITIONS[definition.type]
    try:
        jobs = list(jobs_of(json.loads(definition.inputs[key])))
    except (KeyError, IndexError, TypeError, ValueError):  # of another program, or encrypted
        return {}
    training, processing = ([machine for machine, trains in jobs if trains is kind] for kind in (True, False))
    if len(set(training)) != 1 or len(set(processing)) != 1:
        return {}
    return {"trainingMachine": training[0], "processingMachine": processing[0], "candidates": len(training)}


def _sagemaker(definition: Mapping[str, Any]) -> Iterator[Job]:
    """Yield the jobs of what components/pipeline/sagemaker.py makes."""
    for step in definition["Steps"]:
        trains = step["Type"] == "Training"
        arguments = step["Arguments"]
        cluster = arguments["ResourceConfig"] if trains else arguments["ProcessingResources"]["ClusterConfig"]
        yield cluster["InstanceType"], trains


def _vertex(definition: Mapping[str, Any]) -> Iterator[Job]:
    """Yield the jobs of what components/pipeline/vertex.py makes."""
    for component in definition["pipelineSpec"]["components"].values():
        (pool,) = component["inputDefinitions"]["parameters"]["worker_pool_specs"]["defaultValue"]
        yield pool["machine_spec"]["machine_type"], pool["container_spec"]["args"][0] == "train"


DEFINITIONS: Mapping[str, tuple[str, Callable[[Any], Iterator[Job]]]] = {
    "aws:sagemaker/pipeline:Pipeline": ("pipelineDefinition", _sagemaker),
    "gcp:storage/bucketObject:BucketObject": ("content", _vertex),
}
"""Type of the resource that holds a pipeline's definition -> the input that is it, and how its jobs are read."""
