"""What is priced: the declared graph, with what the configuration says of each pipeline's runs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from components.naming import Naming
from components.platform import Resolved
from components.spec import Spec
from infra.cost.machines import Choice, choices, product_book
from infra.graph import Graph, Resource

PIPELINE = "stile:index:Pipeline"


@dataclass(frozen=True)
class Plan:
    """An environment before it exists.

    Attributes:
        environment: its name.
        cloud: `aws` or `gcp`.
        region: where everything of it stands.
        prefix: what every name of it begins with.
        models: the names of its models.
        graph: its resources; a pipeline's component says what each of its runs takes.
        machines: which machines were chosen, and what else would do.
    """

    environment: str
    cloud: str
    region: str
    prefix: str
    models: tuple[str, ...]
    graph: Graph
    machines: tuple[Choice, ...] = ()

    def model_of(self, resource: Resource) -> str | None:
        """Return the model that a resource belongs to, whose name is in the resource's; None if it is no model's."""
        rest = resource.name.removeprefix(f"{self.prefix}-")
        owners = [name for name in self.models if rest == name or rest.startswith(f"{name}-")]
        return max(owners, key=len, default=None) if rest != resource.name else None


def plan(environment: str, config: Mapping[str, Any]) -> Plan:
    """Return what a configuration declares for an environment: no engine, plugin, network or account.

    Raises:
        ConfigError: the configuration is wrong.
    """
    from infra.offline import declared_by
    from infra.program import define, read, resolved

    spec = read(environment, config)
    graph = declared_by(lambda: define(environment, config), environment, config)
    return planned(spec, resolved(spec), graph)


def planned(spec: Spec, found: Resolved, graph: Graph) -> Plan:
    """Join a graph, from mocks or from the engine, with what is known of the pipelines' runs."""
    naming = Naming(spec.platform.name, spec.environment, spec.platform.owner)
    runs = {naming.of(name): _run(found, model.use_case) for name, model in spec.platform.models.items()}
    resources = tuple(
        replace(one, inputs=runs[one.name]) if one.type == PIPELINE and one.name in runs else one
        for one in graph.resources
    )
    names, machines = tuple(spec.platform.models), choices(spec, product_book())
    return Plan(spec.environment, spec.cloud, spec.region, naming.prefix, names, Graph(resources), machines)


def _run(found: Resolved, use_case: str) -> Mapping[str, Any]:
    """What one run of a pipeline takes: its definition is known only after `up`, this is not."""
    return {
        "trainingMachine": found.machine,
        "processingMachine": found.processing_machine,
        "candidates": len(found.candidates[use_case]),
    }
