"""Machines by need: the cheapest of the region that meets it, as a search over the bare files finds it too."""

import csv
import re
import tomllib
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from components.machines import NoMachineError, Use
from components.spec import Machine
from infra.cost import machine_view
from infra.cost.book import Price, PriceBook
from infra.cost.machines import Choice, choose, usd_an_hour
from infra.cost.model import cost_model

ROOT = Path(__file__).resolve().parents[2]
REGIONS = {"aws": ("us-east-1", "eu-west-1"), "gcp": ("us-central1", "europe-west4")}
USES: tuple[Use, ...] = ("training", "processing", "endpoint")
# 20 needs: less than the least, just as much, a little more, much of one and little of the other, nearly too much.
NEEDS: tuple[tuple[int, float], ...] = (
    (1, 0.5), (1, 4), (1, 8), (2, 2), (2, 4), (2, 7.5), (2, 8), (2, 8.5), (2, 16), (3, 3),
    (4, 8), (4, 16), (4, 16.5), (4, 32), (8, 16), (8, 32), (1, 60), (15, 1), (16, 64), (60, 250),
)  # fmt: skip
# Written here a second time: service, the name of the whole, the service's names of a core and of a GiB.
SOLD = {
    ("aws", "training"): ("SageMaker training", "Train:{}"),
    ("aws", "processing"): ("SageMaker processing", "Processing:{}"),
    ("aws", "endpoint"): ("SageMaker real-time inference", "Host:{}"),
    ("gcp", "training"): ("Vertex AI custom training", "{}"),
    ("gcp", "processing"): ("Vertex AI custom training", "{}"),
    ("gcp", "endpoint"): ("Vertex AI online prediction", "{}"),
}


def prices(cloud: str, region: str, service: str) -> dict[str, Fraction]:
    """What the CSV file says for a region, or for all."""
    with (ROOT / "infra" / "cost" / "prices" / f"{cloud}.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["service"] == service]
    everywhere = {row["sku"]: Fraction(row["price"]) for row in rows if row["region"] == "global"}
    return everywhere | {row["sku"]: Fraction(row["price"]) for row in rows if row["region"] == region}


def hour(row: dict[str, Any], cloud: str, use: str, sold: dict[str, Fraction]) -> Fraction | None:
    """What an hour of a machine costs by the bare files: as a whole, or on Google Cloud by its parts."""
    _, whole = SOLD[cloud, use]
    name = row["type"]
    if whole.format(name) in sold:
        return sold[whole.format(name)]
    family = name.split("-")[0]
    if cloud == "aws" or f"{family} core" not in sold or f"{family} memory" not in sold:
        return None
    cpus, memory = (Fraction(str(row[key])) for key in ("cpus", "memory_gib"))
    return cpus * sold[f"{family} core"] + memory * sold[f"{family} memory"]


def meeting(cloud: str, use: str, cpus: int, memory_gib: float) -> list[dict[str, Any]]:
    """What machines.toml has for a need."""
    table = tomllib.loads((ROOT / "components" / "machines.toml").read_text())
    return [
        row
        for row in table[cloud]["machines"]
        if use in row["uses"] and row.get("preferred", True) and row["cpus"] >= cpus and row["memory_gib"] >= memory_gib
    ]


def by_brute_force(cloud: str, region: str, use: str, need: tuple[int, float]) -> str:
    """Try every machine against the best so far, one after the other."""
    sold = prices(cloud, region, SOLD[cloud, use][0])
    best: tuple[Any, ...] | None = None
    for row in meeting(cloud, use, *need):
        cost = hour(row, cloud, use, sold)
        size = (row["cpus"], row["memory_gib"], row["type"])
        this = (1, 0, *size) if cost is None else (0, cost, *size)
        if best is None or this < best:
            best = this
    assert best is not None
    return str(best[-1])


QUESTIONS = [(cloud, region, use) for cloud, regions in REGIONS.items() for region in regions for use in USES]


@pytest.mark.parametrize(("cloud", "region", "use"), QUESTIONS)
def test_the_choice_is_that_of_a_brute_force_search(book: PriceBook, cloud: str, region: str, use: Use) -> None:
    """For 20 needs, in two regions of each cloud and for each use; every runner-up has its price too."""
    assert len(set(NEEDS)) == 20
    sold = prices(cloud, region, SOLD[cloud, use][0])
    for need in NEEDS:
        found = choose(book, cloud, region, use, Machine(cpus=need[0], memory_gib=need[1]))
        assert found.chosen.machine.type == by_brute_force(cloud, region, use, need), need
        told = {one.machine.type: one.usd_an_hour for one in (found.chosen, *found.runners_up)}
        expected = {row["type"]: hour(row, cloud, use, sold) for row in meeting(cloud, use, *need)}
        assert {name: None if usd is None else Fraction(usd) for name, usd in told.items()} == expected


def test_the_search_is_no_idle_one(book: PriceBook) -> None:
    """The needs have many answers, some of them not the smallest machine, some by parts, some without any price."""
    found = [
        choose(book, cloud, region, use, Machine(cpus=cpus, memory_gib=memory))
        for cloud, region, use in QUESTIONS
        for cpus, memory in NEEDS
    ]
    assert len({one.chosen.machine.type for one in found}) >= 15
    assert any(one.chosen.usd_an_hour is None for one in found)
    assert any(_is_smaller(other, one) for one in found for other in one.runners_up)
    assert any(one.chosen.machine.type == "e2-highmem-2" for one in found)


def _is_smaller(other: Any, choice: Choice) -> bool:
    mine = choice.chosen.machine
    return (other.machine.cpus, other.machine.memory_gib) < (mine.cpus, mine.memory_gib)


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_each_use_has_one_line_that_says_how_its_machines_are_sold(cloud: str) -> None:
    """A need is compared by the prices that the estimate charges."""
    uses = [line.use for row in cost_model(cloud).values() for line in row.lines if line.use]
    assert sorted(uses) == sorted(USES)


def priced(**prices_of: str) -> PriceBook:
    """A book that sells these machines of AWS for training, in us-east-1."""
    return PriceBook(
        Price(
            "aws", "SageMaker training", f"Train:ml.{name.replace('_', '.')}", "us-east-1", "instance-hour",
            Decimal(price), "a page", "2026", "exact",
        )
        for name, price in prices_of.items()
    )  # fmt: skip


NEED = Machine(cpus=4, memory_gib=16)


def training(book: PriceBook, wanted: Machine | str = NEED) -> Choice:
    return choose(book, "aws", "us-east-1", "training", wanted)


def test_a_larger_machine_is_taken_where_it_costs_less() -> None:
    """And the smaller one, which costs more, is the first of the runners-up; those without a price come last."""
    found = training(priced(m5_xlarge="0.5", m5_2xlarge="0.4"))
    assert found.chosen.machine.type == "ml.m5.2xlarge"
    assert [one.machine.type for one in found.runners_up[:3]] == ["ml.m5.xlarge", "ml.r5.xlarge", "ml.c5.2xlarge"]
    assert [one.usd_an_hour is None for one in found.runners_up[:3]] == [False, True, True]
    assert found.reason.startswith("the cheapest of 2 with a price in us-east-1, and cannot be compared with ")


def test_of_two_at_one_price_the_smaller_is_taken() -> None:
    """Fewer cpus, then less memory."""
    assert training(priced(m5_2xlarge="0.4", r5_xlarge="0.4")).chosen.machine.type == "ml.r5.xlarge"
    assert training(priced(r5_xlarge="0.4", m5_xlarge="0.4")).chosen.machine.type == "ml.m5.xlarge"


def test_what_has_no_price_is_never_taken_before_what_has_one() -> None:
    """Even where it is smaller: nobody knows that it is cheaper."""
    found = training(priced(r5_24xlarge="9.9"))
    assert found.chosen.machine.type == "ml.r5.24xlarge"
    assert found.reason.startswith("the only one with a price in us-east-1")


def test_where_nothing_has_a_price_the_smallest_is_taken_and_it_is_said(book: PriceBook) -> None:
    """No other region's price counts, and the price is None, not 0."""
    found = choose(book, "aws", "ap-southeast-2", "training", NEED)
    assert (found.chosen.machine.type, found.chosen.usd_an_hour) == ("ml.m5.xlarge", None)
    count = len(found.runners_up) + 1
    assert found.reason == (
        f"the smallest: the price book has no price in ap-southeast-2 for any of the {count} that would do"
    )


def test_a_named_type_is_taken_as_it_is() -> None:
    """Without runners-up, though there are cheaper ones, and though a need would never get it."""
    found = training(priced(t3_xlarge="9", m5_xlarge="0.1"), "ml.t3.xlarge")
    assert (found.chosen.machine.type, str(found.chosen.usd_an_hour), found.runners_up) == ("ml.t3.xlarge", "9", ())
    assert found.reason == "named in the configuration"
    with pytest.raises(NoMachineError):
        training(priced(), "ml.none")


def test_a_type_that_is_not_preferred_is_no_choice() -> None:
    """However cheap it is."""
    found = training(priced(t3_xlarge="0.01", m5_xlarge="0.5"))
    assert found.chosen.machine.type == "ml.m5.xlarge"
    assert "ml.t3.xlarge" not in {one.machine.type for one in found.runners_up}


def test_a_price_by_another_unit_is_no_price_of_an_hour() -> None:
    (price,) = priced(m5_xlarge="0.5").prices
    minutes = PriceBook([replace(price, unit="minute")])
    assert usd_an_hour(minutes, "aws", "us-east-1", "training", "ml.m5.xlarge") is None


def test_people_read_a_table_of_the_first_runners_up() -> None:
    """Below what the machine is for: the choice, three of what else would do; and how many more there are."""
    found = training(priced(m5_xlarge="0.5", m5_2xlarge="0.75"))
    console = Console(width=300)
    with console.capture() as captured:
        console.print(machine_view.table([found]))
    head, purpose, *machines = [re.split(r" {2,}", line.strip()) for line in captured.get().rstrip().splitlines()]
    assert head == ["machine", "cpus", "GiB", "USD an hour"]
    assert purpose == ["training", "asked for 4 cpus, 16 GiB"]
    assert machines == [
        ["ml.m5.xlarge", "4", "16", "0.5", f"chosen: {found.reason}"],
        ["ml.m5.2xlarge", "8", "32", "0.75", "runner-up"],
        ["ml.r5.xlarge", "4", "32", "no price here", "runner-up"],
        ["ml.c5.2xlarge", "8", "16", "no price here", f"runner-up: {len(found.runners_up) - 3} more in --json"],
    ]
