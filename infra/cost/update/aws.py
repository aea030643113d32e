"""Asks the AWS Price List for the prices of the book, through AWS's own client; the twin of gcp.py."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from infra.cost.book import Price
from infra.cost.update.mapping import Part, mapped
from infra.cost.update.outcomes import NO_MAPPING, Outcome, keeping, quoted
from infra.errors import CloudError, WrongCloud

NAME = "AWS Price List"
# The list is asked where it lives, whatever region its prices are of.
# source: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
HOME = "us-east-1"
ENDPOINT = "AWS_ENDPOINT_URL_PRICING"
# What stands before a usage type: USE1-, EU-, APN1-, or the region's whole name; in us-east-1 often nothing.
PREFIX = r"(?:[A-Z]{2,4}\d*-|[a-z]{2}(?:-[a-z]+)+-\d-)?"
FIX = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, of one who may do pricing:GetProducts"

OFFLINE = "this command needs the network; the book is as it was"


class NotOneError(LookupError):
    """The list has no such product, or several, or none that is sold in dollars and by a unit that is known."""


class PriceList:
    """The AWS Price List; asked at another address where AWS_ENDPOINT_URL_PRICING says so."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Make the client; raises WrongCloud in the shell of a local environment, whose cloud knows no prices."""
        endpoint = environ.get(ENDPOINT) or None
        if endpoint is None and environ.get("AWS_ENDPOINT_URL"):
            raise WrongCloud(
                f"AWS_ENDPOINT_URL={environ['AWS_ENDPOINT_URL']} leads away from AWS, whose prices they are",
                fix="open a new shell, one without `stile env` of a local environment",
            )
        self._at = f" at {endpoint}" if endpoint else ""
        self._client = boto3.session.Session().client(
            "pricing", region_name=HOME, endpoint_url=endpoint, config=Config(retries={"mode": "standard"})
        )

    def price(
        self, code: str, part: Part, match: re.Match[str], region: str, today: date
    ) -> tuple[Decimal, Decimal, str, str]:
        """Return a part's price, how many make one unit of the book, its source, and since when it holds.

        Raises:
            NotOneError: which product it is cannot be said.
        """
        usage = match.expand(part.match)
        found = [one for one in self._products(code, part.region, region, usage) if _is(one, part, usage)]
        if len(found) != 1:
            codes = ", ".join(one["product"]["sku"] for one in found)
            raise NotOneError(f"{len(found)} products have usage type {usage} in {region}" + (codes and f": {codes}"))
        since, dimension = _dimension(found[0], today)
        if dimension["unit"] not in part.units:
            raise NotOneError(f"{dimension['rateCode']} is sold by {dimension['unit']}, not by {part.units[0]}")
        source = f"{NAME}{self._at}, rate code {dimension['rateCode']}"
        return Decimal(dimension["pricePerUnit"]["USD"]), Decimal(part.times), source, since

    def _products(self, code: str, field: str, region: str, usage: str) -> Iterator[Mapping[str, Any]]:
        """Yield the products of a service in a region whose usage type contains this one."""
        filters = [
            {"Type": "TERM_MATCH", "Field": field, "Value": region},
            {"Type": "CONTAINS", "Field": "usagetype", "Value": usage},
        ]
        pages = self._client.get_paginator("get_products").paginate(ServiceCode=code, Filters=filters)
        for page in pages:
            yield from (json.loads(text) for text in page["PriceList"])

    def close(self) -> None:
        """Close the client's connections."""
        self._client.close()


def outcomes(
    rows: Sequence[Price], environ: Mapping[str, str], today: date, progress: Callable[[str], None]
) -> Iterator[Outcome]:
    """Yield what comes of each row.

    Raises:
        CloudError: AWS is not reached, or refuses.
        WrongCloud: the variables are those of a local environment.
    """
    prices = PriceList(environ)
    try:
        for number, row in enumerate(rows):
            if number == 0 or row.service != rows[number - 1].service:
                progress(f"{NAME}: {row.service}, after {number} of {len(rows)} prices")
            yield _outcome(prices, row, today)
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise CloudError(f"{NAME}: no credentials for AWS are found", fix=FIX) from error
    except ClientError as error:
        told = error.response.get("Error", {})
        raise CloudError(
            f"{NAME}: {error.operation_name}: {told.get('Code')}: {told.get('Message')}", fix=FIX
        ) from error
    except BotoCoreError as error:
        raise CloudError(f"{NAME} does not answer: {error}", fix=OFFLINE) from error
    finally:
        prices.close()


def _outcome(prices: PriceList, row: Price, today: date) -> Outcome:
    found = mapped(row)
    if found is None:
        return keeping(row, NO_MAPPING)
    one, match = found
    try:
        return quoted(row, [prices.price(one.code, part, match, row.region, today) for part in one.parts])
    except NotOneError as error:
        return keeping(row, str(error))


def _is(product: Mapping[str, Any], part: Part, usage: str) -> bool:
    """Tell whether a product is the part's: its whole usage type, and what else is asked of it."""
    known = {"productFamily": product["product"].get("productFamily"), **product["product"]["attributes"]}
    is_usage = re.fullmatch(PREFIX + re.escape(usage), known["usagetype"]) is not None
    return is_usage and all(known.get(name) == value for name, value in part.where.items())


def _dimension(product: Mapping[str, Any], today: date) -> tuple[str, Mapping[str, Any]]:
    """Return since when a product has its price, and the first step of it that is paid for."""
    terms = product.get("terms", {}).get("OnDemand", {}).values()
    current = [one for one in terms if one["effectiveDate"][:10] <= today.isoformat()]
    if not current:
        raise NotOneError(f"{product['product']['sku']} is not sold on demand as of {today}")
    term = max(current, key=lambda one: one["effectiveDate"])
    steps = sorted(term["priceDimensions"].values(), key=lambda step: Decimal(step.get("beginRange", "0")))
    if any("USD" not in step["pricePerUnit"] for step in steps):
        raise NotOneError(f"{product['product']['sku']} is not sold in US dollars")
    paid = (step for step in steps if Decimal(step["pricePerUnit"]["USD"]))
    return term["effectiveDate"][:10], next(paid, steps[0])
