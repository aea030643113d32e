"""Whole environments: recomputed by another program, and honest where a price or a figure is missing."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from infra.cost import report
from infra.cost.book import FOLDER, PriceBook
from infra.cost.estimate import Estimate, estimate
from infra.cost.model import cost_model
from infra.cost.plan import Plan
from infra.cost.usage import Model, Usage, read_usage
from infra.graph import UNKNOWN, Graph, Resource
from tests.cost.conftest import ENVIRONMENTS
from tests.cost.hand import MODEL, priced

HERE = Path(__file__).parent
USAGE = HERE / "usage.yaml"
TODAY = date(2026, 11, 23)
# Without a price of the whole machine, its cores and memory have theirs.
PRICED_BY_PARTS = ("e2-standard-2",)


def of(plan: Plan, book: PriceBook, usage: Usage | None = None) -> Estimate:
    return estimate(plan, usage or Usage(), book, cost_model(plan.cloud))


def recomputed(plan: Plan, folder: Path) -> dict[str, Any]:
    """What the other program finds; it sees three files, and nothing of the product."""
    (model,) = plan.models
    resources = [vars(one) for one in plan.graph.resources]
    document = {"cloud": plan.cloud, "region": plan.region, "model": model, "resources": resources}
    graph = folder / "graph.json"
    graph.write_text(json.dumps(document))
    command = [
        sys.executable,
        "-I",
        str(HERE / "recompute.py"),
        str(graph),
        str(USAGE),
        str(FOLDER / f"{plan.cloud}.csv"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_another_program_finds_the_same_to_the_last_digit(
    plans: dict[str, Plan], book: PriceBook, tmp_path: Path, name: str
) -> None:
    """Every line with its quantity, price and amount, every unknown line, and the total."""
    plan = plans[name]
    found = report.document(of(plan, book, read_usage(USAGE, plan.models)), TODAY)
    other = recomputed(plan, tmp_path)
    lines = [
        (one["urn"], one["sku"], one["unit"], *(Fraction(one[key]) for key in ("quantity", "price_usd", "monthly_usd")))
        for one in found["lines"]
    ]
    expected = [(*one[:3], *map(Fraction, one[3:])) for one in other["lines"]]
    assert len(lines) >= 20
    assert sorted(lines) == sorted(expected)
    assert sorted((one["urn"], one["sku"]) for one in found["unknown"]) == sorted(map(tuple, other["unknown"]))
    assert Fraction(found["total_monthly_usd"]) == Fraction(other["total"])
    assert not any(figure["assumed"] for figure in found["usage"])


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_deleted_price_makes_its_lines_unknown(plans: dict[str, Plan], book: PriceBook, name: str) -> None:
    """Each price in turn: exactly its lines lose their amounts, the total loses as much, and says `at least`."""
    whole = of(plans[name], book)
    used = {one.price for one in whole.charges if one.price and one.sku not in PRICED_BY_PARTS}
    assert len(used) >= 15
    for price in used:
        less = of(plans[name], PriceBook(one for one in book.prices if one != price))
        lost = [one for one in whole.charges if one.price == price]
        fewer = [one for one in less.unknown if one not in whole.unknown]
        assert {one.urn for one in fewer} == {one.urn for one in lost}
        assert all(one.unknown.startswith("the price book has no price for") for one in fewer)
        gone = whole.total_monthly_usd - sum(one.monthly_usd or 0 for one in lost)
        if price.sku not in ("e2 core", "e2 memory"):  # one without the other is no price of a machine
            assert less.total_monthly_usd == gone
        assert report.total(less).startswith("at least ")
        assert report.document(less, TODAY)["is_at_least"] is True


def test_a_machine_without_a_price_is_priced_by_its_parts(plans: dict[str, Plan], book: PriceBook) -> None:
    """Which comes to the same, but for the digits that the price of the whole is rounded to."""
    whole = of(plans["gcp-dev"], book)
    less = of(plans["gcp-dev"], PriceBook(one for one in book.prices if one.sku not in PRICED_BY_PARTS))
    assert {"e2 core", "e2 memory"} <= {one.sku for one in less.charges if one.stage == "endpoint"}
    assert less.unknown == whole.unknown
    assert abs(less.total_monthly_usd - whole.total_monthly_usd) < Decimal("0.001")


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_few_lines_of_the_default_environments_are_unknown(plans: dict[str, Plan], book: PriceBook, name: str) -> None:
    """These, and no more: each with its reason."""
    unknown = {(one.stage, one.what): one.unknown for one in of(plans[name], book).unknown}
    expected = {
        "aws-dev": {
            ("tracking", "runs and metrics kept"),
            ("pipeline", "volumes of jobs, 30 GiB each"),
            ("endpoint", "data of requests"),
        },
        "gcp-dev": {("pipeline", "containers that start the steps' jobs")},
    }
    assert unknown.keys() == expected[name]
    assert all(unknown.values())


def test_a_type_that_the_model_does_not_know_is_unknown(plans: dict[str, Plan], book: PriceBook) -> None:
    """It is never left out."""
    plan = plans["aws-dev"]
    strange = Resource("urn:pulumi:aws-dev::stile::aws:ec2/vpc:Vpc::x", "aws:ec2/vpc:Vpc", "x", None, {})
    found = of(replace(plan, graph=Graph((*plan.graph.resources, strange))), book)
    (line,) = (one for one in found.unknown if one.urn == strange.urn)
    assert line.unknown == "the cost model has no row for this type"


def test_another_region_has_its_own_prices_or_none(plans: dict[str, Plan], book: PriceBook) -> None:
    """In a region of which the book knows nothing, only what costs the same everywhere has an amount."""
    far = of(replace(plans["aws-dev"], region="ap-southeast-2"), book)
    assert {one.price.region for one in far.charges if one.price} == {"global"}
    assert len(far.unknown) > 10
    assert any("the nearest is us-east-1's, which is not used" in one.unknown for one in far.unknown)


@pytest.mark.parametrize(
    ("variant", "reason"),
    [
        ({"instanceType": UNKNOWN, "initialInstanceCount": 1}, "instanceType is known only after `up`"),
        ({"instanceType": "ml.m5.large", "initialInstanceCount": UNKNOWN}, "initialInstanceCount is known only after"),
        ({"instanceType": "ml.m5.large"}, "the resource has no productionVariants[0].initialInstanceCount"),
        ({"instanceType": "ml.m5.large", "initialInstanceCount": "many"}, "is many, which is no number"),
    ],
)
def test_an_input_that_nobody_knows_makes_its_line_unknown(
    book: PriceBook, variant: dict[str, Any], reason: str
) -> None:
    """With the path of the input."""
    type_ = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
    found = priced(book, "aws", type_, {"productionVariants": [variant]})
    machines = [one for one in found.unknown if one.what == "machines"] or list(found.unknown)
    assert any(reason in one.unknown for one in machines)
    assert found.total_monthly_usd == 0


def test_a_machine_without_a_size_or_a_price_is_unknown(book: PriceBook) -> None:
    """It is not priced by parts that nobody knows."""
    usage = {"models": {MODEL: {"releases": 0}}}
    model = {"machineType": "a9-huge-99", "minReplicas": 1.0, "maxReplicas": 1.0}
    found = priced(book, "gcp", "stile:endpoint:EndpointDeployment", {"deployedModels": [model]}, usage)
    assert found.charges == ()
    assert {one.sku for one in found.unknown} == {"a9-huge-99"}


def test_scaling_that_nobody_stated_is_unknown(book: PriceBook) -> None:
    model = {"machineType": "n1-standard-4", "minReplicas": 1.0, "maxReplicas": 3.0}
    found = priced(book, "gcp", "stile:endpoint:EndpointDeployment", {"deployedModels": [model]})
    (line,) = found.unknown
    assert line.unknown == f"the usage models.{MODEL}.scaled_hours is unknown"


def test_a_resource_is_of_the_model_with_the_longest_name(plans: dict[str, Plan]) -> None:
    """`flight-delays-east` is no resource of `flight-delays`; what all share is no model's."""
    plan = replace(plans["aws-dev"], models=("flight-delays", "flight-delays-east"))

    def owner(name: str) -> str | None:
        return plan.model_of(Resource("urn", "type", f"{plan.prefix}-{name}", None, {}))

    assert owner("flight-delays-east-latency") == "flight-delays-east"
    assert owner("flight-delays-latency") == "flight-delays"
    assert owner("flight-delaysx") is None
    assert owner("data") is None


def test_no_amount_is_rounded(plans: dict[str, Plan], book: PriceBook) -> None:
    """The total is the sum of the lines' amounts as they are written."""
    plan = plans["gcp-dev"]
    usage = Usage(models={"flight-delays": Model(runs=Decimal("0.1"), training_hours=Decimal("0.000000000000000001"))})
    found = report.document(of(plan, book, usage), TODAY)
    amounts = [Fraction(one["monthly_usd"]) for one in found["lines"]]
    assert sum(amounts) == Fraction(found["total_monthly_usd"])
    assert all(
        Fraction(one["quantity"]) * Fraction(one["price_usd"]) == Fraction(one["monthly_usd"]) for one in found["lines"]
    )
    assert max(len(one["monthly_usd"]) for one in found["lines"]) > 20


@pytest.mark.parametrize(
    ("cloud", "type_", "inputs"),
    [
        (
            "aws",
            "aws:sagemaker/endpointConfiguration:EndpointConfiguration",
            {"productionVariants": [{"instanceType": "ml.m5.large", "initialInstanceCount": 1}]},
        ),
        (
            "gcp",
            "stile:endpoint:EndpointDeployment",
            {"deployedModels": [{"machineType": "n1-standard-4", "minReplicas": 1.0, "maxReplicas": 1.0}]},
        ),
    ],
)
def test_an_idle_endpoint_says_so(book: PriceBook, cloud: str, type_: str, inputs: dict[str, Any]) -> None:
    """Machines that nobody asks cost as much, on a line of their own; unknown requests are not taken for none."""
    found = {
        requests: priced(book, cloud, type_, inputs, {"models": {MODEL: {"requests": requests}}})
        for requests in (0, 1, "unknown")
    }
    whats = {requests: found[requests].charges[0].what for requests in found}
    assert whats == {0: "machines, idle: nobody asks", 1: "machines", "unknown": "machines"}
    assert len({one.charges[0].monthly_usd for one in found.values()}) == 1


def test_old_prices_are_said_with_their_age(plans: dict[str, Plan], book: PriceBook) -> None:
    """Exactly a year is not old; a day more is; what has no date is counted."""
    plan = plans["aws-dev"]
    dated = [replace(one, date="2025-11-23") for one in book.prices]
    found = of(plan, PriceBook(dated))
    assert not any("year old" in remark for remark in report.remarks(found, TODAY))
    tomorrow = list(report.remarks(found, date(2026, 11, 24)))
    count = len(found.charges)
    assert (
        f"{count} of {count} lines have a price more than a year old; the oldest, of 2025-11-23, is 366 days old"
        in tomorrow
    )
    partly = of(plan, PriceBook(replace(one, date="2023-12" if one.service == "KMS" else "undated") for one in dated))
    said = list(report.remarks(partly, TODAY))
    assert f"2 of {count} lines have a price more than a year old; the oldest, of 2023-12-01, is 1088 days old" in said
    assert f"{count - 2} of {count} lines have a price without a date" in said
