"""Which of a cloud's own products a row of the price book is: read from aws.toml and gcp.toml beside this file."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from infra.cost.book import Price

FOLDER = Path(__file__).parent


class Part(BaseModel):
    r"""A product whose price goes into a row's.

    Attributes:
        match: the usage type behind the region's prefix (AWS), or a regular expression for the whole description
            (Google); `\1` is what the row's sku captured.
        id: the product's own id in place of `match`, where the row's sku has it (Google).
        where: attributes that the product must have besides.
        region: the attribute that says its region (AWS); what is transferred has one it comes from.
        units: how the vendor may call its unit.
        times: how many of its units make one of the book's; `cpus` and `memory_gib` are those of the machine type.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    match: str = ""
    id: str = ""
    where: Mapping[str, str] = {}
    region: str = "regionCode"
    units: tuple[str, ...] = Field(min_length=1)
    times: str = "1"


class Mapped(BaseModel):
    """What some rows of the book are made of.

    Attributes:
        service: the book's.
        code: the vendor's code or id of the service in which the products are.
        sku: a regular expression for the whole sku of the book.
        unit: the book's unit, for which the parts' `times` hold.
        parts: the products whose prices add up to the row's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: str
    code: str
    sku: str
    unit: str
    parts: tuple[Part, ...] = Field(min_length=1)


@cache
def mapping(cloud: str) -> tuple[Mapped, ...]:
    """Return the table of a cloud.

    Raises:
        ValidationError: the table is wrong; a test holds that it is not.
    """
    table = tomllib.loads((FOLDER / f"{cloud}.toml").read_text(encoding="utf-8"))
    return tuple(Mapped.model_validate(row) for row in table["rows"])


def mapped(row: Price) -> tuple[Mapped, re.Match[str]] | None:
    """Return what a row of the book is made of, with what its sku captured; None if the table does not say."""
    for one in mapping(row.cloud):
        found = re.fullmatch(one.sku, row.sku, re.IGNORECASE) if one.service == row.service else None
        if found and one.unit == row.unit:
            return one, found
    return None
