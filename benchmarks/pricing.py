"""Pricing: text of `preview --json` to the cost report as JSON, against parsing that text alone; time and memory."""

import gc
import json
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from benchmarks.measure import Row, seconds
from infra.cli.cost_asked import configured
from infra.cost import report
from infra.cost.book import PriceBook, read_book
from infra.cost.estimate import estimate
from infra.cost.model import cost_model
from infra.cost.plan import Plan, plan
from infra.cost.usage import Usage
from infra.environments import find_environment
from infra.graph import Graph, from_preview

ENVIRONMENT = "aws-dev"
SIZES = (500, 5000)
ROUNDS = 7
AIM = "at most 2"
MIB = 1024 * 1024


def preview(declared: Plan, count: int) -> str:
    """Return what `preview --json` says of as many resources: the environment's own, copied under other names.

    A step has what the engine writes of it: the operation, the resource's URN, its inputs, and its outputs as far as
    they are known, which are the inputs again.
    """
    own = [one for one in declared.graph.resources if one.parent is not None]
    steps = []
    for number in range(count):
        one = own[number % len(own)]
        state = {
            "urn": f"{one.urn}-{number}",
            "custom": not one.type.startswith("stile:index:"),
            "type": one.type,
            "inputs": {"__defaults": [], **one.inputs},
            "outputs": dict(one.inputs),
            "parent": one.parent,
            "provider": f"{one.urn.rsplit('::', 2)[0]}::pulumi:providers:aws::default::04da6b54",
        }
        steps.append({"op": "create", "urn": state["urn"], "provider": state["provider"], "newState": state})
    return json.dumps({"steps": steps, "changeSummary": {"create": count}}, indent=2)


def price(text: str, declared: Plan, book: PriceBook) -> str:
    """Read a preview, price it, and write the report; the price book and the cost model are read already."""
    graph: Graph = from_preview(json.loads(text))
    estimated = estimate(replace(declared, graph=graph), Usage(), book, cost_model(declared.cloud))
    document: Mapping[str, Any] = report.document(estimated, datetime.now(tz=UTC).date())
    return json.dumps(document)


def alone(call: Callable[[], object]) -> float:
    """Return milliseconds of a call that begins without anything of the side before it left to be collected."""
    gc.collect()
    return seconds(call) * 1000


def peak_mib(call: Callable[[], object]) -> float:
    """Return the most memory that a call holds at once, of Python's objects."""
    gc.collect()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] / MIB
    finally:
        tracemalloc.stop()


def measure() -> Iterator[Row]:
    """Compare, both sides taking turns."""
    found = find_environment(ENVIRONMENT)
    declared, book = plan(found.name, configured(found, released=True)), read_book()
    for count in SIZES:
        text = preview(declared, count)
        ours, parsing = partial(price, text, declared, book), partial(json.loads, text)
        ours()  # the cost model is read once
        times = [(alone(ours), alone(parsing)) for _ in range(ROUNDS)]
        sides = [one for one, _ in times], [one for _, one in times]
        yield Row(f"{count:,} resources: time; peer: parsing alone", "ms", *sides, AIM)
        memory = peak_mib(ours), peak_mib(parsing)
        yield Row(f"{count:,} resources: memory; peer: parsing alone", "MiB", memory[:1], memory[1:], AIM)
