"""`--compare`: one definition on both clouds, priced as each alone would be, and where they cross over."""

import json
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from infra.cli import main
from infra.cost import compare_view
from infra.cost.book import Price, PriceBook
from infra.cost.compare import Comparison, compare
from infra.cost.estimate import estimate
from infra.cost.model import cost_model
from infra.cost.plan import Plan
from infra.cost.usage import Usage
from infra.environments import ROOT
from infra.graph import Graph, Resource
from tests.cost.hand import REGIONS

PLACES = ("", "")
KIB_IN_GIB = 2**20


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main.run(["cost", *arguments])
    return code, *capsys.readouterr()


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    code, stdout, stderr = output(capsys, *arguments, "--json")
    assert code == 0, stdout + stderr
    found: dict[str, Any] = json.loads(stdout)
    return found


@pytest.mark.parametrize("released", [(), ("--released",)])
@pytest.mark.parametrize(("one", "other"), [("aws-dev", "gcp-dev"), ("local-aws", "local-gcp")])
def test_both_totals_are_those_of_the_single_reports(
    capsys: pytest.CaptureFixture[str], one: str, other: str, released: tuple[str, ...]
) -> None:
    """To the last digit, and line by line: the environments of both clouds have one definition, and no usage file."""
    single = {name: document(capsys, name, *released) for name in (one, other)}
    found = document(capsys, one, "--compare", "aws,gcp", *released)["compare"]
    assert found["clouds"] == ["aws", "gcp"]
    for name, cloud in ((one, "aws"), (other, "gcp")):
        side = found["sides"][cloud]
        assert side["total_monthly_usd"] == single[name]["total_monthly_usd"]
        assert side["is_at_least"] is single[name]["is_at_least"]
        assert side["lines"] == single[name]["lines"]
        assert side["unknown"] == single[name]["unknown"]
        assert (side["environment"], side["place_from"]) == (name, f"stacks/Pulumi.{name}.yaml")
        for parts in (found["rows"], found["stages"]):
            amounts = [Fraction(row["monthly_usd"][cloud] or 0) for row in parts]
            assert sum(amounts) == Fraction(side["total_monthly_usd"])


def test_the_order_is_the_one_that_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """And it changes nothing else."""
    found = [document(capsys, "aws-dev", "--compare", order)["compare"] for order in ("aws,gcp", "gcp, aws")]
    assert [one["clouds"] for one in found] == [["aws", "gcp"], ["gcp", "aws"]]
    assert found[0]["sides"] == found[1]["sides"]


def test_the_usage_is_that_of_the_environment_that_was_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On both clouds, whatever the sibling's usage file says."""
    monkeypatch.setattr("infra.cost.usage.FOLDER", tmp_path)
    (tmp_path / "aws-dev.yaml").write_text("images: {stored_gib: 30}\n")
    (tmp_path / "gcp-dev.yaml").write_text("images: {stored_gib: 7000}\n")
    found = document(capsys, "aws-dev", "--compare", "aws,gcp")["compare"]
    (images,) = (row for row in found["rows"] if row["stage"] == "images")
    assert images["monthly_usd"] == {"aws": "3", "gcp": "3"}  # 30 GiB x 0.10


# Made-up prices, of which the crossing can be worked out by hand.
SOLD = {
    ("aws", "SageMaker real-time inference", "Host:ml.c5.large", "instance-hour"): "0.1",
    ("aws", "SageMaker real-time inference", "data processed in + out", "GB"): "3",
    ("gcp", "Vertex AI online prediction", "n1-standard-4", "node-hour"): "0.2",
    ("gcp", "Network", "egress to internet worldwide (0-10 TiB)", "GB"): "1",
    ("gcp", "Cloud Logging", "ingestion (after 50 GiB)", "GiB"): "0.5",
}
MACHINES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "aws": (
        "aws:sagemaker/endpointConfiguration:EndpointConfiguration",
        {"productionVariants": [{"instanceType": "ml.c5.large", "initialInstanceCount": 1}]},
    ),
    "gcp": (
        "stile:endpoint:EndpointDeployment",
        {"deployedModels": [{"machineType": "n1-standard-4", "minReplicas": 1.0, "maxReplicas": 1.0}]},
    ),
}
ANSWERS: tuple[str, Mapping[str, Any]] = ("gcp:vertex/aiEndpoint:AiEndpoint", {})


def made_up(**changed: str) -> PriceBook:
    """The prices above, but for some, by what is sold."""
    return PriceBook(
        Price(cloud, service, sku, "global", unit, Decimal(changed.get(sku, price)), "made up", "2026-01-01", "exact")
        for (cloud, service, sku, unit), price in SOLD.items()
    )


def placed(cloud: str, models: tuple[str, ...], *made: tuple[str, tuple[str, Mapping[str, Any]]]) -> Plan:
    """A plan of nothing but some resources of some models."""
    resources = tuple(
        Resource(f"urn:pulumi:test::stile::{type_}::acme-{model}", type_, f"acme-{model}", None, inputs)
        for model, (type_, inputs) in made
    )
    return Plan("test", cloud, REGIONS[cloud], "acme", models, Graph(resources))


def one_model() -> tuple[Plan, Plan]:
    """A machine on each cloud; on AWS each request costs something too."""
    return placed("aws", ("a",), ("a", MACHINES["aws"])), placed("gcp", ("a",), ("a", MACHINES["gcp"]))


def by_requests(**requests: object) -> Usage:
    """A usage in which a request and its answer are one KiB each, and nothing else is done."""
    figures = {"releases": 0, "request_kib": 1, "transfer_out_kib": 1, "logs_gib": 0}
    return Usage.model_validate({"models": {name: {**figures, "requests": many} for name, many in requests.items()}})


def gap(plans: tuple[Plan, Plan], usage: Usage, book: PriceBook) -> Decimal:
    """How much more the first costs: by two single estimates."""
    one, other = (estimate(each, usage, book, cost_model(each.cloud)).total_monthly_usd for each in plans)
    return one - other


def test_the_crossing_is_where_hand_arithmetic_has_it() -> None:
    """73 + r x 3 / 2^20 = 146: r = 73 x 2^20 / 3 = 25,515,349.33...; AWS is the cheaper below it."""
    plans, book = one_model(), made_up()
    found = compare(plans, by_requests(a=100_000), book)
    assert found.crossing is not None
    assert found.crossing.requests == Fraction(73 * KIB_IN_GIB, 3)
    assert found.crossing.whole == 25_515_350
    assert [course.fixed_usd for course in found.courses] == [73, 146]
    assert [course.per_request_usd for course in found.courses] == [Fraction(3, KIB_IN_GIB), 0]
    assert (found.cheaper(many=False), found.cheaper(many=True)) == ("aws", "gcp")
    below, above = (gap(plans, by_requests(a=count), book) for count in (25_515_349, 25_515_350))
    assert below < 0 < above
    assert compare_view.sentence(found) == (
        "aws is the cheaper below 25,515,350 requests a month, gcp from there on (146.00 on aws and 146.00 on gcp)"
    )


def test_at_a_whole_number_both_cost_the_same() -> None:
    """At 1 USD a GiB, 73 x 2^20 requests: to the last digit."""
    plans = one_model()
    book = made_up(**{"data processed in + out": "1"})
    found = compare(plans, by_requests(a=5), book)
    assert found.crossing is not None
    assert found.crossing.requests == found.crossing.whole == 73 * KIB_IN_GIB
    assert found.crossing.totals == (Decimal(146), Decimal(146))
    assert gap(plans, by_requests(a=73 * KIB_IN_GIB), book) == 0
    assert compare_view.sentence(found) == (
        "both cost the same at 76,546,048 requests a month (146.00 on aws and 146.00 on gcp):"
        " aws is the cheaper below, gcp above"
    )


@pytest.mark.parametrize(
    ("prices", "told"),
    [
        ({"Host:ml.c5.large": "0.3"}, "gcp is the cheaper at every number of requests"),
        ({"Host:ml.c5.large": "0.2"}, "gcp is the cheaper at every number of requests"),
        ({"data processed in + out": "0"}, "aws is the cheaper at every number of requests"),
        (
            {"Host:ml.c5.large": "0.2", "data processed in + out": "0"},
            "both cost the same at every number of requests",
        ),
    ],
)
def test_lines_that_do_not_cross_are_said_not_to(prices: Mapping[str, str], told: str) -> None:
    """Dearer from the start; dearer with the first request; as dear by the request; the same all along."""
    found = compare(one_model(), by_requests(a=100), made_up(**prices))
    assert compare_view.sentence(found) == told


def asked_for(requests: int) -> Usage:
    return Usage.model_validate({"models": {"flight-delays": {"requests": requests}}})


@pytest.mark.parametrize("name", ["aws-dev", "gcp-dev"])
def test_the_real_crossing_holds_just_below_and_at_it(plans: dict[str, Plan], book: PriceBook, name: str) -> None:
    """Whole environments by the product's own prices: the sign of the gap turns within one request."""
    both = plans["aws-dev"], plans["gcp-dev"]
    if name == "gcp-dev":
        both = both[::-1]
    found = compare(both, asked_for(12345), book)
    assert found.crossing is not None
    below, above = (gap(both, asked_for(found.crossing.whole - less), book) for less in (1, 0))
    assert below * above <= 0 != below
    assert found.crossing.totals[0] - found.crossing.totals[1] == above


def two_models() -> tuple[Plan, Plan]:
    """On AWS the requests of `a` cost something, on Google those of `b`."""
    models = ("a", "b")
    return placed("aws", models, ("a", MACHINES["aws"])), placed("gcp", models, ("a", MACHINES["gcp"]), ("b", ANSWERS))


def test_several_models_keep_their_shares() -> None:
    """1 of 3 requests is a's, at 3 / 2^20 USD; 2 are b's, at 1 / 2^20: 73 + r / 2^20 = 146 + r x 2 / 3 / 2^20.

    So r = 73 x 3 x 2^20.
    """
    plans, usage = two_models(), by_requests(a=10, b=20)
    found = compare(plans, usage, made_up())
    assert found.is_stated
    assert found.shares == {"a": Fraction(1, 3), "b": Fraction(2, 3)}
    assert found.crossing is not None
    assert found.crossing.requests == 73 * 3 * KIB_IN_GIB
    at = found.crossing.whole // 3
    assert gap(plans, by_requests(a=at, b=2 * at), made_up()) == 0
    assert gap(plans, by_requests(a=at - 1, b=2 * at - 2), made_up()) < 0
    assert gap(plans, by_requests(a=at + 1, b=2 * at + 2), made_up()) > 0
    assert "all models' requests are scaled together: as the usage states them" in told(found)


def told(found: Comparison) -> list[str]:
    return list(compare_view.remarks(found, "test", PLACES))


@pytest.mark.parametrize("requests", [{"a": "unknown", "b": 5}, {"a": 0, "b": 0}])
def test_without_stated_requests_each_model_gets_as_many(requests: dict[str, object]) -> None:
    found = compare(two_models(), by_requests(**requests), made_up())
    assert (found.is_stated, set(found.shares.values())) == (False, {Fraction(1, 2)})
    assert any("as many for each, since the usage does not state them" in line for line in told(found))


def test_shares_that_nearly_cancel_are_solved_all_the_same() -> None:
    """Where the clouds' slopes differ by a hair, and no model's share of the crossing has an end in decimals.

    r requests cost 3 x 1,000,001 on AWS and 2,999,996 on Google, by the 3,999,997 x 2^20: a difference of 7.
    """
    found = compare(two_models(), by_requests(a=1_000_001, b=2_999_996), made_up())
    assert found.crossing is not None
    assert found.crossing.requests == Fraction(73 * KIB_IN_GIB * 3_999_997, 7)


def test_what_only_one_side_does_not_know_makes_that_side_at_least() -> None:
    """A line without a price on AWS: Google's total stands, and what is cheaper is of the lines with an amount."""
    book = PriceBook(one for one in made_up().prices if one.sku != "data processed in + out")
    found = compare(one_model(), by_requests(a=100), book)
    shown = compare_view.document(found, "test", PLACES)["compare"]
    assert [shown["sides"][cloud]["is_at_least"] for cloud in ("aws", "gcp")] == [True, False]
    assert compare_view.closing(found, "test") == (
        "test will cost at least 73.00 USD a month on aws, 146.00 USD a month on gcp;"
        " of the lines with an amount, aws is the cheaper at every number of requests"
    )
    (row,) = (row for row in shown["rows"] if row["what"] == "data of requests")
    assert row["monthly_usd"] == {"aws": None, "gcp": None}
    assert row["unknown_lines"] == {"aws": 1, "gcp": 0}
    reason = "the price book has no price for data processed in + out in us-east-1"
    assert f"unknown on aws: acme-a, data of requests: {reason}" in told(found)
    assert "acme-a, data of requests on aws grows with the requests, by an unknown amount" in told(found)
    text = compare_view.markdown(found, "test", PLACES)
    assert "| **together, USD a month** | at least 73.00 | 146.00 |" in text
    assert "| data of requests | unknown | - |" in text


def test_requests_that_nobody_states_are_unknown_and_the_crossing_is_known() -> None:
    """The totals are at least; where the clouds cross over does not depend on how many are asked today."""
    found = compare(one_model(), by_requests(a="unknown"), made_up())
    assert [bool(side.unknown) for side in found.sides] == [True, False]
    assert found.crossing is not None
    assert found.crossing.whole == 25_515_350


def test_scripts_read_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    """Amounts are text and exact; what the crossing rests on is in it."""
    found = document(capsys, "gcp-dev", "--compare", "gcp,aws", "--released")
    assert found.keys() == {"schema", "environment", "compare", "remarks"}
    assert (found["schema"], found["environment"]) == ("stile.cost/1", "gcp-dev")
    assert found["compare"].keys() == {"clouds", "sides", "rows", "stages", "crossing"}
    crossing = found["compare"]["crossing"]
    at = int(crossing["from_requests"])
    assert 0 <= at - Fraction(crossing["requests"]) < 1
    for cloud in ("aws", "gcp"):
        total = Fraction(crossing["fixed_usd"][cloud]) + at * Fraction(crossing["per_request_usd"][cloud])
        assert total == Fraction(crossing["totals_there_usd"][cloud])
    assert {crossing["cheaper_with_few"], crossing["cheaper_with_many"]} == {"aws", "gcp"}
    assert crossing["sentence"] in output(capsys, "gcp-dev", "--compare", "gcp,aws", "--released")[2].replace("\n", " ")


def test_a_pull_request_reads_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    """On stdout: the stages with both totals, the sentence, all rows, remarks; each row has as many cells as titles."""
    code, stdout, stderr = output(capsys, "aws-dev", "--compare", "aws,gcp", "--released", "--markdown")
    assert (code, stderr) == (0, "")
    assert stdout.startswith("### Cost of aws-dev on aws and gcp\n\n| stage | aws | gcp |\n")
    assert {line.count("|") for line in stdout.splitlines() if line.startswith("|")} == {4, 5}
    assert "| **together, USD a month** | at least " in stdout
    assert "requests a month" in stdout.split("**")[3]
    assert "- gcp: us-central1, as stacks/Pulumi.gcp-dev.yaml says; at least " in stdout


def test_the_document_shows_what_the_command_writes(capsys: pytest.CaptureFixture[str]) -> None:
    """The table by stage and the sentence of docs/cost.md; who changes prices writes them anew."""
    text = output(capsys, "aws-dev", "--compare", "aws,gcp", "--released", "--markdown")[1]
    table, sentence = text.split("\n\n")[1:3]
    assert f"{table}\n\n> {sentence.strip('*')}\n" in (ROOT / "docs" / "cost.md").read_text()


def test_people_read_a_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On stderr: what a cloud has no line for is no 0, and the last sentence has both totals."""
    monkeypatch.setenv("COLUMNS", "160")
    code, stdout, stderr = output(capsys, "aws-dev", "--compare", "aws,gcp")
    assert (code, stdout) == (0, "")
    lines = [line.split() for line in stderr.splitlines()]
    assert lines[0] == ["stage", "what", "aws", "gcp"]
    assert ["storage", "key", "1.00", "-"] in lines
    assert ["images", "together", "0.20", "0.20"] in lines
    assert "no line with an amount grows with the requests: nothing is released" in stderr
    assert stderr.rstrip().splitlines()[-1].startswith("aws-dev will cost at least ")
