"""The tables of Google Cloud: what its types have beside those of other clouds, labels and operations."""

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from infra.providers.kit.tables import Field, Row, Tables, common
from infra.providers.kit.tables import Type as CommonType

TABLES = Path(__file__).parent / "tables"
MINUTES = 20


@dataclass(frozen=True)
class Type(CommonType):
    """One resource type of Google Cloud, whose `service` is an API with its version, such as `cloudkms.v1`.

    Attributes:
        labelled: whether the provider has its say in its labels.
        operations: the method that tells how a long-running operation is getting on; empty if there are none.
        minutes: how long an operation may run.
        tainted: whether one that failed to be made is recorded all the same.
        subject: for one member of an IAM policy, the property that names what the policy is of.
        full: the full name of that, text with `{property}`.
    """

    labelled: bool
    operations: str
    minutes: float
    tainted: bool
    subject: str
    full: str


def _type(token: str, row: Row, table: Row) -> Type:
    found = common(token, row, table)
    found["missing"] = found["missing"] or ("404",)
    # What an id or an argument is made of goes into the address, and not into the body, unless the table says so.
    told = {*names(found["id"]), *names(dict(found["create"].args))}
    for name in told & found["fields"].keys():
        field: Field = found["fields"][name]
        if field.api is None and field.read is None:
            found["fields"][name] = replace(field, local=True, unread=True)
    return Type(
        **found,
        labelled=row.get("labelled", "labels" in row["properties"]),
        operations=row.get("operations", table.get("operations", "")),
        minutes=row.get("minutes", MINUTES),
        tainted=row.get("tainted", False),
        subject=row.get("subject", ""),
        full=row.get("full", ""),
    )


def names(template: Any) -> Iterator[str]:
    """Yield the properties that a template speaks of, in nested structures too."""
    if isinstance(template, str):
        yield from (name for _, name, _, _ in string.Formatter().parse(template) if name)
    inner = (
        template.values() if isinstance(template, Mapping) else template if isinstance(template, list | tuple) else ()
    )
    for value in inner:
        yield from names(value)


_TABLES = Tables(TABLES, _type)
find = _TABLES.find
modules = _TABLES.modules
types_of = _TABLES.types_of
