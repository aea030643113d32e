"""Resources made by hand, priced alone: what the hand-calculated cases are held against."""

from collections.abc import Mapping
from typing import Any

from infra.cost.book import PriceBook
from infra.cost.estimate import Charge, Estimate, estimate
from infra.cost.model import cost_model
from infra.cost.plan import Plan
from infra.cost.usage import Usage
from infra.graph import Graph, Resource

MODEL = "flights"
REGIONS = {"aws": "us-east-1", "gcp": "us-central1"}


def resource(cloud: str, type_: str, inputs: Mapping[str, Any]) -> Resource:
    """A resource of the one model of the environment `acme-test`."""
    name = f"acme-test-{MODEL}"
    return Resource(f"urn:pulumi:test::stile::{type_}::{name}", type_, name, None, inputs)


def priced(
    book: PriceBook,
    cloud: str,
    type_: str,
    inputs: Mapping[str, Any],
    usage: Mapping[str, Any] | None = None,
    region: str | None = None,
) -> Estimate:
    """What one resource costs."""
    alone = Graph((resource(cloud, type_, inputs),))
    plan = Plan("test", cloud, region or REGIONS[cloud], "acme-test", (MODEL,), alone)
    return estimate(plan, Usage.model_validate(usage or {}), book, cost_model(cloud))


def amounts(charges: tuple[Charge, ...]) -> dict[str, str]:
    """US dollars in a month by sku, exactly; charges of one sku together."""
    found: dict[str, Any] = {}
    for one in charges:
        found[one.sku] = found.get(one.sku, 0) + (one.monthly_usd or 0)
    return {sku: f"{amount:f}" for sku, amount in found.items()}
