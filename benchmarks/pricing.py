"""Pricing: from the text of `preview --json` to a price for every line, against parsing it alone; time and memory."""

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
from infra.cost.estimate import Estimate, estimate
from infra.cost.model import cost_model
from infra.cost.plan import Plan, plan
from infra.cost.usage import Usage
from infra.environments import find_environment
from infra.graph import Graph, from_preview

ENVIRONMENT = "aws-dev"
SIZES = (500, 5000)
ROUNDS = 15
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


def price(text: str, declared: Plan, book: PriceBook) -> Estimate:
    """Read a preview and price it, total and all; the price book and the cost model are read already."""
    graph: Graph = from_preview(text)
    estimated = estimate(replace(declared, graph=graph), Usage(), book, cost_model(declared.cloud))
    if not estimated.total_monthly_usd:
        raise ValueError("a preview of resources with prices has a total")
    return estimated


def written(text: str, declared: Plan, book: PriceBook) -> str:
    """Read a preview, price it, and write the report as JSON."""
    document: Mapping[str, Any] = report.document(price(text, declared, book), datetime.now(tz=UTC).date())
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
        ours, report_too = partial(price, text, declared, book), partial(written, text, declared, book)
        parsing = partial(json.loads, text)
        report_too()  # the cost model is read once
        gc.collect()
        gc.freeze()  # what this process has loaded is no part of either side: it is not searched for garbage
        times = [(alone(ours), alone(report_too), alone(parsing)) for _ in range(ROUNDS)]
        priced, reported, parsed = ([one[side] for one in times] for side in range(3))
        yield Row(f"{count:,} resources, priced: time; peer: parsing alone", "ms", priced, parsed, AIM)
        yield Row(f"{count:,} resources, priced and written: time; peer: parsing alone", "ms", reported, parsed, "")
        memory = peak_mib(report_too), peak_mib(parsing)
        yield Row(f"{count:,} resources, priced and written: memory", "MiB", memory[:1], memory[1:], AIM)
