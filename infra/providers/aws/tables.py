"""The tables of AWS: what its types have beside those of other clouds, regions and tags."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.providers.kit.tables import Call, Field, Row, Tables, common
from infra.providers.kit.tables import Type as CommonType

TABLES = Path(__file__).parent / "tables"


@dataclass(frozen=True)
class Tags:
    """How a service keeps tags.

    Attributes:
        read, add, remove: operations, each with `args`; no `remove` means that `add` replaces all.
        path: JMESPath expression of the tags in the answer to `read`.
        key, value: the members of one tag; empty where tags are a map.
        member: the member of the create operation that takes tags; empty if none does.
    """

    read: Call
    add: Call
    remove: Call | None
    path: str
    add_member: str
    remove_member: str
    key: str
    value: str
    member: str


@dataclass(frozen=True)
class Type(CommonType):
    """One resource type of AWS, whose `service` is botocore's name of it.

    Attributes:
        regional: whether it is in a region.
        tags: how it keeps tags; None if it has none.
    """

    regional: bool
    tags: Tags | None


def _type(token: str, row: Row, table: Row) -> Type:
    found = common(token, row, table)
    regional = row.get("regional", table.get("regional", True))
    if regional:
        found["fields"]["region"] = Field("region", replace=True, computed=True, local=True)
    tagged = "tags" in row["properties"]
    tags = _tags({**table.get("tags", {}), **row.get("tags", {})}) if tagged else None
    return Type(**found, regional=regional, tags=tags)


def _tags(row: Mapping[str, Any]) -> Tags:
    args = row["args"]
    return Tags(
        read=Call(row["read"], row.get("read_args", args)),
        add=Call(row["add"], row.get("add_args", args)),
        remove=Call(row["remove"], row.get("remove_args", args)) if "remove" in row else None,
        path=row["path"],
        add_member=row.get("add_member", "Tags"),
        remove_member=row.get("remove_member", "TagKeys"),
        key=row.get("key", "Key"),
        value=row.get("value", "Value"),
        member=row.get("member", "Tags"),
    )


_TABLES = Tables(TABLES, _type)
find = _TABLES.find
modules = _TABLES.modules
types_of = _TABLES.types_of
