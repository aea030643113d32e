"""What exists on AWS with an environment's tags: each service lists what it has, and tells the tags of each."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from infra.clouds.aws_calls import Aws, told
from infra.drift.existing import Thing
from infra.engine.session import Session
from infra.providers.kit.shapes import search

Row = Mapping[str, Any]
# How services call a tag's name and its value.
NAMES, VALUES = ("Key", "TagKey", "key"), ("Value", "TagValue", "value")


@cache
def kinds() -> Sequence[Row]:
    """Return the rows of existing_aws.toml."""
    rows: Sequence[Row] = tomllib.loads(Path(__file__).with_name("existing_aws.toml").read_text())["type"]
    return rows


def listed(session: Session, wanted: Mapping[str, str]) -> list[Thing]:
    """Return what has all of these tags; raises CloudError."""
    with closing(Aws(session.own_variables())) as aws:
        return _listed(aws, wanted)


@told
def _listed(aws: Aws, wanted: Mapping[str, str]) -> list[Thing]:
    caller = aws.client("sts").get_caller_identity()
    place = {"account": caller["Account"], "partition": caller["Arn"].split(":")[1]}
    return [thing for kind in kinds() for thing in _of_kind(aws.client(kind["service"]), kind, place, wanted)]


def _of_kind(client: Any, kind: Row, place: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[Thing]:
    given = {name: value.format_map(place) for name, value in kind.get("given", {}).items()}
    for row in _rows(client, kind, given):
        asked = kind.get("asked", "{asked}").format(**place, **row)
        if wanted.items() <= _tags(client, kind, asked).items() and not _is_gone(client, kind, asked):
            yield Thing(kind["token"], kind.get("id", "{id}").format(**place, **row), kind.get("kept", ""))


def _rows(client: Any, kind: Row, given: Mapping[str, str]) -> Iterator[Row]:
    """Yield the rows of all pages."""
    operation = kind["list"]
    if client.can_paginate(operation):
        pages = client.get_paginator(operation).paginate(**given)
    else:
        pages = [getattr(client, operation)(**given)]
    for page in pages:
        yield from search(kind["rows"], page) or ()


def _tags(client: Any, kind: Row, asked: str) -> dict[str, str]:
    try:
        answer = getattr(client, kind["tags"])(**{kind["by"]: asked})
    except ClientError as error:
        # It has none, or was deleted since it was listed.
        if error.response["Error"]["Code"] in (kind.get("none"), *GONE):
            return {}
        raise
    found = answer.get(kind["found"]) or {}
    if isinstance(found, Mapping):
        return dict(found)
    return {_first(one, NAMES): _first(one, VALUES) for one in found}


# What services answer for what is no more.
GONE = ("NoSuchBucket", "NoSuchEntity", "NotFoundException", "ResourceNotFound", "ResourceNotFoundException")


def _first(tag: Mapping[str, str], names: Sequence[str]) -> str:
    return next(tag[name] for name in names if name in tag)


def _is_gone(client: Any, kind: Row, asked: str) -> bool:
    gone = kind.get("gone")
    return bool(gone and search(gone["path"], getattr(client, gone["operation"])(**{kind["by"]: asked})))
