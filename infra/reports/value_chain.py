"""The ML value chain as a table: activity, stage, and the resource types behind it, read off the program itself.

`python -m infra.reports.value_chain` writes docs/value-chain.md; a test is red when that page is stale.
"""

import copy
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from components.stages import STAGES
from infra.environments import ROOT, read_config
from infra.graph import Graph
from infra.offline import declared_by
from infra.stages import stage_of

PAGE = ROOT / "docs" / "value-chain.md"
SOURCE = "local-aws"
# The article's activities, in its order, and the stages that stand for each.
ACTIVITIES = {
    "Collaborate": ("identity", "images"),
    "Data pipe management": ("storage", "pipeline"),
    "ML model design": ("tracking", "training"),
    "Model management (Govern)": ("registry",),
    "Hosting": ("endpoint",),
    "Monitoring and support": ("monitoring", "budget"),
}
HEADER = """# The value chain, as it is provisioned

Read off the program: what `stacks/Pulumi.{source}.yaml` declares once a model is released. Written by
`python -m infra.reports.value_chain`; a test is red when this page is stale.

| activity | stage | resource types |
|---|---|---|
"""


def released_graph() -> Graph:
    """What the program declares with every model released; no engine, no cloud."""
    from infra.program import define

    config: dict[str, Any] = copy.deepcopy(read_config(ROOT / "stacks" / f"Pulumi.{SOURCE}.yaml"))
    for model in config["stile:platform"]["models"].values():
        model["release"] = {"version": 1, "sha256": "0" * 64}
    return declared_by(lambda: define(SOURCE, config), SOURCE, config)


def rows(graph: Graph) -> Iterator[tuple[str, str, str]]:
    """Activity, stage, and its resource types with their counts."""
    types: dict[str, Counter[str]] = {stage: Counter() for stage in STAGES}
    for resource in graph.resources:
        stage = stage_of(resource.urn)
        if stage and not resource.type.startswith("stile:index:"):
            types[stage][resource.type] += 1
    for activity, stages in ACTIVITIES.items():
        for stage in stages:
            yield activity, stage, ", ".join(_counted(name, count) for name, count in sorted(types[stage].items()))


def page(graph: Graph) -> str:
    """The page, whole."""
    lines = [
        f"| {activity} | `{stage}` | {types or 'a template of the jobs; no resource'} |"
        for activity, stage, types in rows(graph)
    ]
    return HEADER.format(source=SOURCE) + "\n".join(lines) + "\n"


def _counted(name: str, count: int) -> str:
    return f"`{name}`" if count == 1 else f"`{name}` x {count}"


def write(path: Path = PAGE) -> None:
    """Write the page."""
    path.write_text(page(released_graph()))


if __name__ == "__main__":
    write()
