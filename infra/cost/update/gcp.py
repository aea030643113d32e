"""Asks the Google Cloud Catalog for the prices of the book, through Google's own client; the twin of aws.py."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import google.auth
import httplib2  # type: ignore[import-untyped]  # it ships no types
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from components.machines import machine_types
from infra.clouds.gcp_calls import Retried
from infra.cost.book import GLOBAL, Price
from infra.cost.exact import exactly
from infra.cost.update.mapping import Part, mapped
from infra.cost.update.outcomes import NO_MAPPING, Outcome, keeping, quoted
from infra.errors import CloudError, WrongCloud

NAME = "Google Cloud Catalog"
SCOPE = "https://www.googleapis.com/auth/cloud-billing.readonly"
# The provider's own name for it: https://registry.terraform.io/providers/hashicorp/google/latest/docs/guides/provider_reference
ENDPOINT = "GOOGLE_CLOUD_BILLING_CUSTOM_ENDPOINT"
KEY = "GOOGLE_API_KEY"
NANO = Decimal("0.000000001")
FIX = f"set {KEY} to an API key for the Cloud Billing API, or run gcloud auth application-default login"

OFFLINE = "this command needs the network; the book is as it was"


class NotOneError(LookupError):
    """The catalog has no such SKU, or several, or none that is sold in dollars and by a unit that is known."""


class Catalog:
    """The Google Cloud Catalog; asked at another address where GOOGLE_CLOUD_BILLING_CUSTOM_ENDPOINT says so."""

    def __init__(self, environ: Mapping[str, str], progress: Callable[[str], None]) -> None:
        """Make the client; raises WrongCloud in the shell of a local environment, whose cloud knows no prices."""
        endpoint = environ.get(ENDPOINT) or None
        if endpoint is None and environ.get("STILE_GCP_ENDPOINT"):
            raise WrongCloud(
                f"STILE_GCP_ENDPOINT={environ['STILE_GCP_ENDPOINT']} leads away from Google, whose prices they are",
                fix="open a new shell, one without `stile env` of a local environment",
            )
        self._at = f" at {endpoint}" if endpoint else ""
        self._progress = progress
        self._skus: dict[str, list[Mapping[str, Any]]] = {}
        self._names: dict[str, str] = {}
        key = environ.get(KEY) or None
        self._client = build(
            "cloudbilling",
            "v1",
            static_discovery=True,
            developerKey=key,
            credentials=None if key else google.auth.default(scopes=[SCOPE])[0],
            http=httplib2.Http() if key else None,
            client_options={"api_endpoint": endpoint} if endpoint else None,
            requestBuilder=Retried,
        )

    def price(
        self, code: str, part: Part, match: re.Match[str], region: str, today: date
    ) -> tuple[Decimal, Decimal, str, str]:
        """Return a part's price, how many make one unit of the book, its source, and since when it holds.

        Raises:
            NotOneError: which SKU it is cannot be said.
        """
        wanted = match.expand(part.id or part.match)
        found = _serving([one for one in self._of(code) if _is(one, part, wanted)], region)
        if len(found) != 1:
            ids = ", ".join(one["skuId"] for one in found)
            raise NotOneError(f"{len(found)} SKUs are {wanted} in {region}" + (ids and f": {ids}"))
        since, rate = _rate(found[0], part, today)
        return rate, _times(part, match), f"{NAME}{self._at}, SKU {found[0]['skuId']}", since

    def _of(self, code: str) -> list[Mapping[str, Any]]:
        """Return all SKUs of a service, listed once."""
        if code not in self._skus:
            if code not in self._service_names():
                raise NotOneError(f"the catalog has no service {code}")
            skus = self._client.services().skus()
            self._progress(f"{NAME}: {self._service_names()[code]}")
            request = skus.list(parent=f"services/{code}", currencyCode="USD")
            self._skus[code] = list(_pages(request, skus.list_next, "skus"))
        return self._skus[code]

    def _service_names(self) -> Mapping[str, str]:
        if not self._names:
            self._progress(f"{NAME}: its services")
            services = self._client.services()
            found = _pages(services.list(), services.list_next, "services")
            self._names = {one["serviceId"]: one["displayName"] for one in found}
        return self._names

    def close(self) -> None:
        """Close the client's connections."""
        self._client.close()


def outcomes(
    rows: Sequence[Price], environ: Mapping[str, str], today: date, progress: Callable[[str], None]
) -> Iterator[Outcome]:
    """Yield what comes of each row.

    Raises:
        CloudError: Google Cloud is not reached, or refuses.
        WrongCloud: the variables are those of a local environment.
    """
    try:
        catalog = Catalog(environ, progress)
        try:
            for row in rows:
                yield _outcome(catalog, row, today)
        finally:
            catalog.close()
    except DefaultCredentialsError as error:
        raise CloudError(f"{NAME}: no credentials for Google Cloud are found", fix=FIX) from error
    except HttpError as error:
        raise CloudError(f"{NAME}: {error.resp.status} {error.reason}", fix=FIX) from error
    except GoogleAuthError as error:
        raise CloudError(f"{NAME}: {error}", fix=FIX) from error
    except (httplib2.HttpLib2Error, OSError) as error:
        raise CloudError(f"{NAME} does not answer: {error}", fix=OFFLINE) from error


def _outcome(catalog: Catalog, row: Price, today: date) -> Outcome:
    found = mapped(row)
    if found is None:
        return keeping(row, NO_MAPPING)
    one, match = found
    try:
        return quoted(row, [catalog.price(one.code, part, match, row.region, today) for part in one.parts])
    except NotOneError as error:
        return keeping(row, str(error))


def _pages(request: Any, following: Callable[[Any, Any], Any], key: str) -> Iterator[Mapping[str, Any]]:
    while request is not None:
        answer = request.execute()
        yield from answer.get(key, [])
        request = following(request, answer)


def _is(sku: Mapping[str, Any], part: Part, wanted: str) -> bool:
    """Tell whether a SKU is the part's: its id or whole description, sold on demand, and what else is asked of it."""
    if part.id:
        return bool(sku["skuId"] == wanted)
    is_described = re.fullmatch(wanted, sku["description"], re.IGNORECASE) is not None
    where = {"usageType": "OnDemand", **part.where}
    return is_described and all(sku["category"].get(name) == value for name, value in where.items())


def _serving(skus: Sequence[Mapping[str, Any]], region: str) -> list[Mapping[str, Any]]:
    """Return the SKUs that serve a region; where none does, those of every region. `us` and `eu` are multi-regions."""
    here = [one for one in skus if region in one["serviceRegions"]]
    if region == GLOBAL:
        return here or list(skus)
    return here or [one for one in skus if GLOBAL in one["serviceRegions"] and "-" in region]


def _rate(sku: Mapping[str, Any], part: Part, today: date) -> tuple[str, Decimal]:
    """Return since when a SKU has its price, and the first step of it that is paid for."""
    timeline = [one for one in sku["pricingInfo"] if one["effectiveTime"][:10] <= today.isoformat()]
    if not timeline:
        raise NotOneError(f"SKU {sku['skuId']} has no price as of {today}")
    current = max(timeline, key=lambda one: one["effectiveTime"])
    expression = current["pricingExpression"]
    if expression["usageUnit"] not in part.units:
        raise NotOneError(f"SKU {sku['skuId']} is sold by {expression['usageUnit']}, not by {part.units[0]}")
    steps = sorted(expression["tieredRates"], key=lambda step: step.get("startUsageAmount", 0))
    if any(step["unitPrice"].get("currencyCode") != "USD" for step in steps):
        raise NotOneError(f"SKU {sku['skuId']} is not sold in US dollars")
    rates = [_money(step["unitPrice"]) for step in steps]
    return current["effectiveTime"][:10], next((rate for rate in rates if rate), Decimal(0))


def _money(amount: Mapping[str, Any]) -> Decimal:
    with exactly():
        return Decimal(amount.get("units", "0")) + Decimal(amount.get("nanos", 0)) * NANO


def _times(part: Part, match: re.Match[str]) -> Decimal:
    """Return how many of a part make one unit of the book: of a machine's cores or memory, as many as it has."""
    if part.times not in ("cpus", "memory_gib"):
        return Decimal(part.times)
    size = next((one for one in machine_types("gcp") if one.type == match[0].lower()), None)
    if size is None:
        raise NotOneError(f"nobody knows the size of {match[0]}")
    return Decimal(str(getattr(size, part.times)))
