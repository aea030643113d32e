"""Reads a KFP pipeline spec (schema version 2.1.0) whole, before anything of it runs.

Sources: https://github.com/kubeflow/pipelines/blob/master/api/v2alpha1/pipeline_spec.proto;
https://cloud.google.com/vertex-ai/docs/pipelines/run-pipeline (runtimeConfig)
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from infra.localcloud.jobs.dag import GraphError, Node, check
from infra.localcloud.jobs.definition import DefinitionError, UnsupportedError, require
from infra.localcloud.jobs.placeholders_kfp import Value, placeholders

VERSIONS = ("2.1.0",)
TASK_MEMBERS = ("taskInfo", "inputs", "dependentTasks", "cachingOptions", "componentRef")
# Members of a task that the vendor has and the local cloud does not run.
OTHER_MEMBERS = ("triggerPolicy", "parameterIterator", "artifactIterator", "iteratorPolicy", "retryPolicy")
OTHER_EXECUTORS = ("importer", "resolver", "customJob")
CONTAINER_MEMBERS = ("image", "command", "args", "env", "resources")


@dataclass(frozen=True)
class Parameter:
    """A parameter of the pipeline or of a component; `default` is None where a value must be given."""

    name: str
    type: str
    default: Value
    optional: bool

    def read(self, value: Any, path: str) -> Value:
        """Read a value of JSON, in which every number may come as a float. Raises DefinitionError."""
        try:
            return _READERS[self.type](value)
        except (TypeError, ValueError) as error:
            raise DefinitionError(path, f"{value!r} is no value of type {self.type}") from error


@dataclass(frozen=True)
class FromTask:
    """A parameter that another task's output gives."""

    task: str
    output: str


@dataclass(frozen=True)
class FromRun:
    """A parameter that a parameter of the run gives."""

    parameter: str


@dataclass(frozen=True)
class Constant:
    """A parameter that the spec itself gives."""

    value: Value


Source = FromTask | FromRun | Constant


@dataclass(frozen=True)
class Step:
    """A task: the container that it runs, with placeholders yet to be replaced, and the tasks that it waits for.

    Attributes:
        name: the task's key.
        display_name: what people are shown.
        container: image, command, args, env and resources, as in the spec.
        parameters: what the component takes.
        inputs: where the values come from, by parameter; those that are left out have their defaults.
        outputs: names of the parameters that it gives.
        after: tasks that must have succeeded.
    """

    name: str
    display_name: str
    container: Mapping[str, Any]
    parameters: Mapping[str, Parameter]
    inputs: Mapping[str, Source]
    outputs: tuple[str, ...]
    after: frozenset[str]


@dataclass(frozen=True)
class Definition:
    """A pipeline spec that was found sound."""

    name: str
    root: str
    parameters: Mapping[str, Parameter]
    steps: Mapping[str, Step]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The tasks as a graph."""
        return tuple(Node(step.name, step.after) for step in self.steps.values())

    def values(self, given: Mapping[str, Any]) -> dict[str, Value]:
        """Join a run's parameterValues with the defaults. Raises DefinitionError for unknown or missing ones."""
        place = "runtimeConfig.parameterValues"
        for name in given:
            if name not in self.parameters:
                raise DefinitionError(f"{place}.{name}", "the pipeline has no such parameter")
        read = {name: self.parameters[name].read(value, f"{place}.{name}") for name, value in given.items()}
        for name, parameter in self.parameters.items():
            if name not in read and parameter.default is None and not parameter.optional:
                raise DefinitionError(f"{place}.{name}", "a value is needed, as it has no default")
        return {name: read.get(name, parameter.default) for name, parameter in self.parameters.items()}

    def inputs(
        self, step: Step, values: Mapping[str, Value], given: Mapping[str, Mapping[str, Value]]
    ) -> dict[str, Value]:
        """Return a task's parameters: of the run's values, of outputs given by tasks before it, or their defaults."""
        found: dict[str, Value] = {}
        for name, parameter in step.parameters.items():
            match step.inputs.get(name):
                case None:
                    found[name] = parameter.default
                case Constant(value):
                    found[name] = value
                case FromRun(of_run):
                    found[name] = parameter.default if values[of_run] is None else values[of_run]
                case FromTask(task, output):
                    found[name] = given[task][output]
        return found


def parse(document: Any) -> Definition:
    """Read a spec, as it stands in a PipelineJob.

    Raises DefinitionError for a spec that is wrong, UnsupportedError for one that cannot run here. Caching is
    asked for in vain: a task always runs, as one that is not found in a cache does.
    """
    require(document, dict, "pipelineSpec")
    version = document.get("schemaVersion")
    if version not in VERSIONS:
        raise DefinitionError("schemaVersion", f"must be {' or '.join(VERSIONS)}, not {version!r}")
    name = require(_member(document, "pipelineInfo", "").get("name"), str, "pipelineInfo.name")
    root = _member(document, "root", "")
    parameters = _parameters(root, "root")
    tasks = _member(_member(root, "dag", "root"), "tasks", "root.dag")
    if not tasks:
        raise DefinitionError("root.dag.tasks", "there must be at least one task")
    steps = {key: _step(key, task, document, parameters) for key, task in tasks.items()}
    try:
        check([Node(step.name, step.after) for step in steps.values()])
    except GraphError as error:
        raise DefinitionError(f"root.dag.tasks.{error.step}", str(error)) from error
    for step in steps.values():
        _check_outputs(step, steps)
    return Definition(name, str(document.get("defaultPipelineRoot") or ""), parameters, steps)


def _member(holder: Mapping[str, Any], name: str, path: str) -> dict[str, Any]:
    found: dict[str, Any] = require(holder.get(name), dict, f"{path}.{name}" if path else name)
    return found


def _parameters(component: Mapping[str, Any], path: str) -> dict[str, Parameter]:
    definitions = require(component.get("inputDefinitions", {}), dict, f"{path}.inputDefinitions")
    if definitions.get("artifacts"):
        raise UnsupportedError(f"{path}.inputDefinitions.artifacts: are not implemented in the local cloud.")
    found = {}
    for name, entry in definitions.get("parameters", {}).items():
        place = f"{path}.inputDefinitions.parameters.{name}"
        kind = require(entry, dict, place).get("parameterType")
        if kind not in _READERS:
            raise DefinitionError(f"{place}.parameterType", f"must be one of {', '.join(_READERS)}, not {kind!r}")
        parameter = Parameter(name, kind, None, bool(entry.get("isOptional")))
        default = entry.get("defaultValue")
        read = None if default is None else parameter.read(default, f"{place}.defaultValue")
        found[name] = Parameter(name, kind, read, parameter.optional)
    return found


def _step(key: str, task: Any, document: Mapping[str, Any], of_run: Mapping[str, Parameter]) -> Step:
    path = f"root.dag.tasks.{key}"
    for member in require(task, dict, path):
        if member in OTHER_MEMBERS:
            raise UnsupportedError(f"{path}.{member}: is not implemented in the local cloud.")
        if member not in TASK_MEMBERS:
            raise DefinitionError(f"{path}.{member}", "is not a member of a task")
    reference = require(_member(task, "componentRef", path).get("name"), str, f"{path}.componentRef.name")
    place = f"components.{reference}"
    component = require(_member(document, "components", "").get(reference), dict, place)
    parameters, outputs = _parameters(component, place), _outputs(component, place)
    container = _container(component, place, document)
    inputs = _inputs(task, path, parameters, of_run)
    parameters |= _beside(inputs, parameters, of_run)
    constants = {name: source.value for name, source in inputs.items() if isinstance(source, Constant)}
    holders = {
        "container": container,
        "inputs": constants,
        "defaults": {each.name: each.default for each in parameters.values()},
    }
    for place, value in holders.items():
        _check_placeholders(value, f"{path}.{place}", {"input": parameters, "output": outputs})
    produced = {source.task for source in inputs.values() if isinstance(source, FromTask)}
    display_name = (task.get("taskInfo") or {}).get("name") or key
    after = frozenset(require(task.get("dependentTasks", []), list, f"{path}.dependentTasks")) | produced
    return Step(key, display_name, container, parameters, inputs, outputs, after)


def _outputs(component: Mapping[str, Any], path: str) -> tuple[str, ...]:
    definitions = require(component.get("outputDefinitions", {}), dict, f"{path}.outputDefinitions")
    if definitions.get("artifacts"):
        raise UnsupportedError(f"{path}.outputDefinitions.artifacts: are not implemented in the local cloud.")
    return tuple(definitions.get("parameters", {}))


def _container(component: Mapping[str, Any], path: str, document: Mapping[str, Any]) -> dict[str, Any]:
    if "dag" in component:
        raise UnsupportedError(f"{path}.dag: pipelines in pipelines are not implemented in the local cloud.")
    label = require(component.get("executorLabel"), str, f"{path}.executorLabel")
    place = f"deploymentSpec.executors.{label}"
    executors = _member(_member(document, "deploymentSpec", ""), "executors", "deploymentSpec")
    executor = _member(executors, label, "deploymentSpec.executors")
    for member in executor:
        if member in OTHER_EXECUTORS:
            raise UnsupportedError(f"{place}.{member}: is not implemented in the local cloud; container is.")
    container = _member(executor, "container", place)
    require(container.get("image"), str, f"{place}.container.image")
    for member in container:
        if member not in CONTAINER_MEMBERS:
            raise UnsupportedError(f"{place}.container.{member}: is not implemented in the local cloud.")
    return container


def _check_placeholders(value: Any, path: str, known: Mapping[str, Collection[str]]) -> None:
    """Raise DefinitionError for a placeholder of a parameter that the component does not have."""
    for placeholder in placeholders(value, path):
        if placeholder.kind in known and placeholder.name not in known[placeholder.kind]:
            raise DefinitionError(path, f"the component has no {placeholder.kind} {placeholder.name!r}")


def _inputs(
    task: Mapping[str, Any], path: str, parameters: Mapping[str, Parameter], of_run: Mapping[str, Parameter]
) -> dict[str, Source]:
    given = require(task.get("inputs", {}), dict, f"{path}.inputs")
    if given.get("artifacts"):
        raise UnsupportedError(f"{path}.inputs.artifacts: are not implemented in the local cloud.")
    found: dict[str, Source] = {}
    for name, entry in given.get("parameters", {}).items():
        place = f"{path}.inputs.parameters.{name}"
        found[name] = _source(require(entry, dict, place), place, of_run)
    for name, parameter in parameters.items():
        if name not in found and parameter.default is None and not parameter.optional:
            raise DefinitionError(f"{path}.inputs.parameters", f"lacks {name!r}, which has no default")
    return found


def _beside(
    inputs: Mapping[str, Source], parameters: Mapping[str, Parameter], of_run: Mapping[str, Parameter]
) -> dict[str, Parameter]:
    """Return what the compiler gives a task beside the component's own parameters, for placeholders in constants."""
    types = {name: of_run[source.parameter].type for name, source in inputs.items() if isinstance(source, FromRun)}
    return {name: Parameter(name, types.get(name, "STRING"), None, True) for name in inputs if name not in parameters}


def _source(entry: Mapping[str, Any], path: str, of_run: Mapping[str, Parameter]) -> Source:
    if entry.get("parameterExpressionSelector"):
        raise UnsupportedError(f"{path}.parameterExpressionSelector: is not implemented in the local cloud.")
    if "componentInputParameter" in entry:
        name = entry["componentInputParameter"]
        if name not in of_run:
            raise DefinitionError(path, f"the pipeline has no parameter {name!r}")
        return FromRun(name)
    if "runtimeValue" in entry:
        return Constant(_member(entry, "runtimeValue", path).get("constant"))
    if "taskOutputParameter" in entry:
        of_task = _member(entry, "taskOutputParameter", path)
        return FromTask(str(of_task.get("producerTask")), str(of_task.get("outputParameterKey")))
    raise UnsupportedError(f"{path}: {', '.join(entry) or 'nothing'} is not implemented in the local cloud.")


def _check_outputs(step: Step, steps: Mapping[str, Step]) -> None:
    for name, source in step.inputs.items():
        if isinstance(source, FromTask) and source.output not in steps[source.task].outputs:
            path = f"root.dag.tasks.{step.name}.inputs.parameters.{name}"
            raise DefinitionError(path, f"the task {source.task!r} has no output {source.output!r}")


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or int(value) != value:
        raise ValueError(value)
    return int(value)


def _double(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    return float(value)


def _only(wanted: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if not isinstance(value, wanted):
            raise TypeError(value)
        return value

    return read


_READERS: Mapping[str, Callable[[Any], Value]] = {
    "STRING": _only(str),
    "NUMBER_INTEGER": _integer,
    "NUMBER_DOUBLE": _double,
    "BOOLEAN": _only(bool),
    "LIST": _only(list),
    "STRUCT": _only(dict),
}
