"""The AWS Price List and the Google Cloud Catalog on loopback: their shapes, filters and pages, a test's products."""

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from googleapiclient.discovery_cache import get_static_doc

PAGE = 2
Json = Mapping[str, Any]


@dataclass
class PriceLists:
    """Both price lists.

    Attributes:
        products: of AWS, by service code.
        skus: of Google, by service id.
        asked: what was asked: service, filters and page, in order.
        refusal: the status and body with which everything is answered, if it is.
        held: where set, an answer waits for it to be released.
    """

    products: dict[str, list[Json]] = field(default_factory=dict)
    skus: dict[str, list[Json]] = field(default_factory=dict)
    asked: list[Json] = field(default_factory=list)
    refusal: tuple[int, Json] | None = None
    held: threading.Event | None = None
    url: str = ""

    def aws(self, request: Json) -> Json:
        """Answer GetProducts."""
        named = [one for one in self.products.get(request["ServiceCode"], []) if _passes(one, request["Filters"])]
        shown, following = _page(named, request.get("NextToken"))
        answer: dict[str, Any] = {"FormatVersion": "aws_v1", "PriceList": [json.dumps(one) for one in shown]}
        return answer | ({"NextToken": following} if following else {})

    def gcp(self, path: str, query: Mapping[str, str]) -> Json:
        """Answer services.list or services.skus.list."""
        if path == "/v1/services":
            key = "services"
            all_of = [
                {"name": f"services/{one}", "serviceId": one, "displayName": f"Service {one}"} for one in self.skus
            ]
        else:
            key, all_of = "skus", [dict(one) for one in self.skus[path.split("/")[3]]]
        shown, following = _page(all_of, query.get("pageToken"))
        return {key: shown, "nextPageToken": following or ""}


def _page(found: Sequence[Any], token: str | None) -> tuple[Sequence[Any], str | None]:
    begin = int(token or 0)
    end = begin + PAGE
    return found[begin:end], str(end) if end < len(found) else None


def _passes(product: Json, filters: Sequence[Json]) -> bool:
    known = product["product"]["attributes"]
    rules: Mapping[str, Callable[[str, str], bool]] = {"TERM_MATCH": str.__eq__, "CONTAINS": str.__contains__}
    return all(rules[one["Type"]](known.get(one["Field"], ""), one["Value"]) for one in filters)


def product(
    sku: str,
    usagetype: str,
    unit: str,
    tiers: Sequence[tuple[str, str]],
    *,
    region: str = "us-east-1",
    since: str = "2026-09-01",
    currency: str = "USD",
    family: str = "ML Instance",
    place: str = "regionCode",
    **attributes: str,
) -> dict[str, Any]:
    """A product as the Price List writes it; tiers are where each begins, and its price."""
    code = f"{sku}.JRTCKXETXF"
    return {
        "product": {
            "sku": sku,
            "productFamily": family,
            "attributes": {place: region, "usagetype": usagetype, **attributes},
        },
        "terms": {"OnDemand": {code: term(code, unit, tiers, since, currency)}},
        "version": "20261101000000",
        "publicationDate": "2026-11-01T00:00:00Z",
    }


def term(code: str, unit: str, tiers: Sequence[tuple[str, str]], since: str, currency: str = "USD") -> dict[str, Any]:
    """Terms of a product from a day on."""
    ends = [*(begin for begin, _ in tiers[1:]), "Inf"]
    steps = {
        f"{code}.STEP{number}": {
            "rateCode": f"{code}.STEP{number}",
            "unit": unit,
            "beginRange": begin,
            "endRange": end,
            "pricePerUnit": {currency: price},
        }
        for number, ((begin, price), end) in enumerate(zip(tiers, ends, strict=True))
    }
    return {"sku": code.split(".", maxsplit=1)[0], "effectiveDate": f"{since}T00:00:00Z", "priceDimensions": steps}


def sku(
    identity: str,
    description: str,
    unit: str,
    tiers: Sequence[tuple[float, int, int]],
    *,
    regions: Sequence[str] = ("us-central1",),
    since: str = "2026-09-01",
    currency: str = "USD",
    usage: str = "OnDemand",
) -> dict[str, Any]:
    """A SKU as the catalog writes it; tiers are where each begins, whole units and billionths of its price."""
    return {
        "name": f"services/S/skus/{identity}",
        "skuId": identity,
        "description": description,
        "category": {"serviceDisplayName": "S", "resourceFamily": "F", "resourceGroup": "G", "usageType": usage},
        "serviceRegions": list(regions),
        "pricingInfo": [priced(unit, tiers, since, currency)],
        "serviceProviderName": "Google",
    }


def priced(unit: str, tiers: Sequence[tuple[float, int, int]], since: str, currency: str = "USD") -> dict[str, Any]:
    """What a SKU costs from a day on."""
    rates = [
        {"startUsageAmount": begin, "unitPrice": {"currencyCode": currency, "units": str(units), "nanos": nanos}}
        for begin, units, nanos in tiers
    ]
    expression = {"usageUnit": unit, "displayQuantity": 1, "tieredRates": rates}
    return {"effectiveTime": f"{since}T07:00:00Z", "pricingExpression": expression, "currencyConversionRate": 1}


@contextmanager
def serving() -> Iterator[PriceLists]:
    """Serve price lists on loopback until the block ends."""
    lists = PriceLists()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["X-Amz-Target"] == "AWSPriceListService.GetProducts"
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(request, lambda: lists.aws(request), "application/x-amz-json-1.1")

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            self._answer({"path": parts.path, **query}, lambda: lists.gcp(parts.path, query), "application/json")

        def _answer(self, asked: Json, made: Any, kind: str) -> None:
            lists.asked.append(asked)
            if lists.held is not None:
                lists.held.wait()
            status, document = lists.refusal or (200, made())
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """A test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    lists.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield lists
    finally:
        if lists.held is not None:
            lists.held.set()
        server.shutdown()
        thread.join()
        server.server_close()


def sku_fields() -> set[str]:
    """The fields of a SKU by Google's own discovery document."""
    return set(json.loads(get_static_doc("cloudbilling", "v1"))["schemas"]["Sku"]["properties"])


def variables(lists: PriceLists) -> dict[str, str]:
    """The variables that lead the vendors' clients there."""
    return {
        "AWS_ENDPOINT_URL_PRICING": lists.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_MAX_ATTEMPTS": "1",
        "GOOGLE_CLOUD_BILLING_CUSTOM_ENDPOINT": lists.url,
        "GOOGLE_API_KEY": "test",
    }
