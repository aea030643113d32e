"""The price book is refreshed through the vendors' own clients: what a clear answer says is taken, all else is kept."""

import os
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.cli import prices
from infra.cost.book import CLOUDS, Price, PriceBook
from infra.cost.update.mapping import mapped, mapping
from infra.cost.update.outcomes import Outcome
from infra.cost.update.refresh import refreshed
from infra.errors import CloudError, WrongCloud
from tests.cost.listed import STORE, UNLISTED, VERTEX, fill
from tests.cost.price_lists import PriceLists, priced, product, sku, sku_fields, term, variables

TODAY = date(2026, 11, 24)
HOUR = ("Hrs", [("0", "0.2000000000")])
MACHINE = Price(
    "aws",
    "SageMaker training",
    "Train:ml.m5.large",
    "us-east-1",
    "instance-hour",
    Decimal("0.115"),
    "a page",
    "2024-07-01",
    "unverified",
)
STORAGE = Price(
    "gcp", "Cloud Storage", "standard", "us-central1", "GB-month", Decimal("0.02"), "a page", "2024-07-01", "unverified"
)
NODE = Price(
    "gcp",
    "Vertex AI custom training",
    "e2-standard-2",
    "us-central1",
    "node-hour",
    Decimal("0.07"),
    "a page",
    "2024-07-01",
    "unverified",
)


def asked(lists: PriceLists, row: Price) -> Outcome:
    """What comes of one row."""
    (found,) = refreshed(PriceBook([row]), row.cloud, variables(lists), TODAY, lambda _: None)
    return found


def test_aws_is_asked_by_service_region_and_usage_type_page_by_page(lists: PriceLists) -> None:
    """Neighbours that only contain the usage type fill the pages before it; the answer is exact, dated and named."""
    neighbours = [product(f"N{n}", f"USE1-Train:ml.m5.large{n}", *HOUR) for n in range(4)]
    lists.products["AmazonSageMaker"] = [*neighbours, product("RIGHT", "USE1-Train:ml.m5.large", *HOUR)]
    found = asked(lists, MACHINE)
    assert found.new == replace(
        MACHINE,
        price=Decimal("0.2"),
        source=f"AWS Price List at {lists.url}, rate code RIGHT.JRTCKXETXF.STEP0",
        date="2026-09-01",
        confidence="exact",
    )
    assert [one.get("NextToken") for one in lists.asked] == [None, "2", "4"]
    assert lists.asked[0]["Filters"] == [
        {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "us-east-1"},
        {"Type": "CONTAINS", "Field": "usagetype", "Value": "Train:ml.m5.large"},
    ]


def test_the_terms_in_force_count_not_those_before_or_to_come(lists: PriceLists) -> None:
    one = product("A", "USE1-Train:ml.m5.large", "Hrs", [("0", "0.3")], since="2026-05-01")
    terms = one["terms"]["OnDemand"]
    terms["A.OLD"] = term("A.OLD", "Hrs", [("0", "0.9")], "2023-01-01")
    terms["A.NEXT"] = term("A.NEXT", "Hrs", [("0", "0.1")], "2026-12-01")
    lists.products["AmazonSageMaker"] = [one]
    found = asked(lists, MACHINE).new
    assert (found.price, found.date) == (Decimal("0.3"), "2026-05-01")


def test_a_free_allowance_is_passed_over_and_a_unit_is_converted(lists: PriceLists) -> None:
    """The book takes no allowance off: the first step that is paid for, times what one unit of the book holds."""
    row = replace(MACHINE, service="SNS", sku="API requests (over 1M)", unit="1M requests")
    tiers = [("1000000", "0.0000005000"), ("0", "0.0000000000"), ("9000000", "0.0000001")]
    lists.products["AmazonSNS"] = [product("A", "Requests-Tier1", "Requests", tiers)]
    assert asked(lists, row).new.price == Decimal("0.5")


@pytest.mark.parametrize(
    ("products", "why"),
    [
        ([], "0 products have usage type Train:ml.m5.large in us-east-1"),
        ([product(one, "USE1-Train:ml.m5.large", *HOUR) for one in "AB"], "2 products .*: A, B"),
        ([product("A", "USE1-Train:ml.m5.large", *HOUR, currency="CNY")], "A is not sold in US dollars"),
        ([product("A", "USE1-Train:ml.m5.large", "Requests", [("0", "1")])], "is sold by Requests, not by Hrs"),
        ([product("A", "USE1-Train:ml.m5.large", *HOUR, since="2027-01-01")], "A is not sold on demand as of"),
        ([product("A", "USE1-Train:ml.m5.large", *HOUR) | {"terms": {"Reserved": {}}}], "A is not sold on demand"),
        ([product("A", "EU-Train:ml.m5.large", *HOUR, region="eu-west-1")], "0 products"),
    ],
)
def test_an_answer_of_aws_that_is_not_clear_keeps_the_row(lists: PriceLists, products: list[object], why: str) -> None:
    lists.products["AmazonSageMaker"] = products  # type: ignore[assignment]
    found = asked(lists, MACHINE)
    assert found.new == MACHINE
    assert found.kept
    assert re.search(why, found.kept)


def test_google_is_asked_for_services_and_then_skus_page_by_page(lists: PriceLists) -> None:
    """Units and billionths are added exactly; what is not sold on demand, or elsewhere, is passed over."""
    right = "Standard Storage US Regional"
    lists.skus = {
        "1": [],
        "2": [],
        STORE: [
            sku("A", right, "GiBy.mo", [(0, 9, 0)], usage="Preemptible"),
            sku("B", "Standard Storage Belgium", "GiBy.mo", [(0, 9, 0)], regions=["europe-west1"]),
            sku("C", "Standard Storage US Multi-region", "GiBy.mo", [(0, 9, 0)], regions=["us-central1"]),
            sku("D", right, "GiBy.mo", [(0, 0, 0), (5, 1, 20_000_001)], regions=["us-east1", "us-central1"]),
        ],
    }
    assert set(lists.skus[STORE][0]) <= sku_fields()
    found = asked(lists, STORAGE).new
    assert found.price == Decimal("1.020000001")
    assert (found.source, found.date, found.confidence) == (
        f"Google Cloud Catalog at {lists.url}, SKU D",
        "2026-09-01",
        "exact",
    )
    assert [(one["path"], one.get("pageToken")) for one in lists.asked] == [
        ("/v1/services", None),
        ("/v1/services", "2"),
        (f"/v1/services/{STORE}/skus", None),
        (f"/v1/services/{STORE}/skus", "2"),
    ]
    assert lists.asked[2]["currencyCode"] == "USD"


def test_a_machine_on_google_is_the_sum_of_its_cores_memory_and_fees(lists: PriceLists) -> None:
    """2 x 0.02 + 8 x 0.003 + 2 x 0.003 + 8 x 0.0005 = 0.04 + 0.024 + 0.006 + 0.004 = 0.074, and is called derived."""
    what = "Vertex AI: Training/Pipelines"
    lists.skus[VERTEX] = [
        sku("C", f"{what} on E2 Instance Core running in Americas", "h", [(0, 0, 20_000_000)]),
        sku("R", f"{what} on E2 Instance Ram running in Americas", "GiBy.h", [(0, 0, 3_000_000)]),
        sku("FC", f"{what} Management fee on E2 Instance Core in Americas", "h", [(0, 0, 3_000_000)]),
        sku("FR", f"{what} Management fee on E2 Instance RAM in Americas", "GiBy.h", [(0, 0, 500_000)]),
    ]
    found = asked(lists, NODE).new
    assert (found.price, found.confidence) == (Decimal("0.074"), "derived")
    assert [part.split(",")[-1] for part in found.source.split(" ; ")] == [" SKU C", " SKU R", " SKU FC", " SKU FR"]
    assert found.source.startswith("2 x 0.02: ")


def test_the_price_in_force_counts_on_google_too(lists: PriceLists) -> None:
    one = sku("A", "Standard Storage US Regional", "GiBy.mo", [(0, 0, 20_000_000)], since="2026-05-01")
    one["pricingInfo"] += [
        priced("GiBy.mo", [(0, 0, 90_000_000)], "2023-01-01"),
        priced("GiBy.mo", [(0, 0, 10_000_000)], "2026-12-01"),
    ]
    lists.skus = {STORE: [one]}
    found = asked(lists, STORAGE).new
    assert (found.price, found.date) == (Decimal("0.02"), "2026-05-01")


def _storage(identity: str, **changes: object) -> dict[str, object]:
    given = {"unit": "GiBy.mo", **changes}
    return sku(identity, "Standard Storage US Regional", given.pop("unit"), [(0, 0, 1)], **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("skus", "why"),
    [
        ({}, f"the catalog has no service {STORE}"),
        ({STORE: []}, "0 SKUs are standard Storage"),
        ({STORE: [_storage("A"), _storage("B")]}, "2 SKUs are .* in us-central1: A, B"),
        ({STORE: [_storage("A", currency="EUR")]}, "SKU A is not sold in US dollars"),
        ({STORE: [_storage("A", unit="count")]}, "SKU A is sold by count, not by GiBy.mo"),
        ({STORE: [_storage("A", since="2027-01-01")]}, "SKU A has no price as of"),
    ],
)
def test_an_answer_of_google_that_is_not_clear_keeps_the_row(
    lists: PriceLists, skus: dict[str, list[object]], why: str
) -> None:
    lists.skus = skus  # type: ignore[assignment]
    found = asked(lists, STORAGE)
    assert found.new == STORAGE
    assert re.search(why, found.kept)


def test_a_multi_region_never_takes_the_price_of_all_regions(lists: PriceLists) -> None:
    """`eu` is no region: operations in it cost twice those of one region, which are listed as global."""
    row = replace(STORAGE, sku="Class A operations standard", region="eu", unit="1k ops")
    lists.skus = {
        STORE: [sku("A", "Regional Standard Class A Operations", "count", [(0, 0, 5_000)], regions=["global"])]
    }
    assert asked(lists, row).kept
    assert asked(lists, replace(row, region="europe-west1")).new.price == Decimal("0.005")


def test_transfer_is_asked_by_the_region_that_it_leaves(lists: PriceLists) -> None:
    """Not what goes to another region, nor what comes in, though their usage types contain it; of steps the first."""
    row = replace(MACHINE, service="Data transfer", sku="out to internet (first 10TB)", unit="GB", region="eu-west-1")

    def transfer(sku: str, usagetype: str, kind: str, to: str) -> dict[str, Any]:
        tiers = [("0", "0.0800000000"), ("10240", "0.0700000000")]
        where = {"place": "fromRegionCode", "region": "eu-west-1", "transferType": kind, "toLocation": to}
        return product(sku, usagetype, "GB", tiers, **where)

    lists.products["AWSDataTransfer"] = [
        transfer("OTHER", "EU-USE1-AWS-DataTransfer-Out-Bytes", "InterRegion Outbound", "US East (N. Virginia)"),
        transfer("EDGE", "EU-DataTransfer-Out-Bytes", "CloudFront Outbound", "External"),
        transfer("RIGHT", "EU-DataTransfer-Out-Bytes", "AWS Outbound", "External"),
    ]
    found = asked(lists, row)
    assert found.new.price == Decimal("0.08")
    assert "rate code RIGHT." in found.new.source
    assert {"Type": "TERM_MATCH", "Field": "fromRegionCode", "Value": "eu-west-1"} in lists.asked[0]["Filters"]


@pytest.mark.parametrize(("cloud", "environment"), list(zip(CLOUDS, prices.DEFAULTS, strict=True)))
def test_all_that_the_development_environments_rest_on_is_answered(
    lists: PriceLists, book: PriceBook, cloud: str, environment: str
) -> None:
    """But for what no price list sells; and each price is one part's, times units, or a sum of such."""
    fill(lists)
    in_use = set(prices.used(environment))
    found = {one.row: one for one in refreshed(book, cloud, variables(lists), TODAY, lambda _: None)}
    unanswered = {row.sku for row in in_use if found[row].quote is None}
    assert unanswered < UNLISTED
    assert len(in_use) - len(unanswered) > 12
    assert all(found[row].new.price % Decimal("0.000001") == 0 for row in in_use if row.sku not in unanswered)


@pytest.mark.parametrize(
    ("cloud", "body", "told"),
    [
        ("aws", {"__type": "AccessDeniedException", "message": "no pricing:GetProducts"}, "AccessDeniedException: no"),
        ("gcp", {"error": {"code": 403, "message": "API key not valid"}}, "403 API key not valid"),
    ],
)
def test_a_refusal_says_what_to_set(
    lists: PriceLists, book: PriceBook, cloud: str, body: dict[str, str], told: str
) -> None:
    lists.refusal = (403, body)
    with pytest.raises(CloudError, match=told) as caught:
        refreshed(book, cloud, variables(lists), TODAY, lambda _: None)
    assert caught.value.fix
    assert {"aws": "pricing:GetProducts", "gcp": "GOOGLE_API_KEY"}[cloud] in caught.value.fix


@pytest.mark.parametrize("cloud", CLOUDS)
def test_without_credentials_it_says_what_to_set(
    lists: PriceLists, book: PriceBook, cloud: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = variables(lists)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "GOOGLE_API_KEY"):
        del given[name]
        monkeypatch.delenv(name)
    settings = {"AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true", "NO_GCE_CHECK": "true"}
    for name, value in {**settings, "CLOUDSDK_CONFIG": str(tmp_path), "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CloudError, match="no credentials for") as caught:
        refreshed(book, cloud, given, TODAY, lambda _: None)
    assert caught.value.fix
    assert not lists.asked


@pytest.mark.parametrize("cloud", CLOUDS)
def test_without_a_network_it_says_so(book: PriceBook, cloud: str, lists: PriceLists) -> None:
    """Nobody listens where the list is said to be."""
    names = ("AWS_ENDPOINT_URL_PRICING", "GOOGLE_CLOUD_BILLING_CUSTOM_ENDPOINT")
    closed = variables(lists) | dict.fromkeys(names, "http://127.0.0.1:1")
    with pytest.raises(CloudError, match="does not answer") as caught:
        refreshed(book, cloud, closed, TODAY, lambda _: None)
    assert caught.value.fix
    assert "network" in caught.value.fix


@pytest.mark.parametrize(("cloud", "variable"), [("aws", "AWS_ENDPOINT_URL"), ("gcp", "STILE_GCP_ENDPOINT")])
def test_a_local_cloud_is_never_asked_for_prices(lists: PriceLists, book: PriceBook, cloud: str, variable: str) -> None:
    """The shell of a local environment leads to a cloud that would make them up."""
    shell = {variable: lists.url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    with pytest.raises(WrongCloud, match=variable):
        refreshed(book, cloud, shell, TODAY, lambda _: None)
    assert not lists.asked


def test_every_row_of_the_tables_maps_something_of_the_book(book: PriceBook) -> None:
    """A row for nothing would be a slip of the pen; at least the stated share of the book can be refreshed."""
    reached = {id(found[0]) for one in book.prices if (found := mapped(one))}
    assert reached == {id(one) for cloud in CLOUDS for one in mapping(cloud)}
    assert sum(mapped(one) is not None for one in book.prices) >= 250
    assert {one.confidence for one in book.prices if mapped(one)} == {"exact", "derived", "unverified"}
