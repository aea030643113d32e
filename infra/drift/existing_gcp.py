"""What exists on Google Cloud with an environment's labels: each service lists what it has, labels included."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from infra.clouds.gcp_calls import Google, told
from infra.drift.existing import Thing
from infra.engine.session import Session
from infra.providers.kit.shapes import search

Row = Mapping[str, Any]


@cache
def kinds() -> Sequence[Row]:
    """Return the rows of existing_gcp.toml."""
    rows: Sequence[Row] = tomllib.loads(Path(__file__).with_name("existing_gcp.toml").read_text())["type"]
    return rows


def listed(session: Session, wanted: Mapping[str, str]) -> list[Thing]:
    """Return what has all of these labels; raises CloudError."""
    with closing(Google(session.own_variables())) as google:
        return _listed(google, wanted)


@told
def _listed(google: Google, wanted: Mapping[str, str]) -> list[Thing]:
    place = {"project": google.project, "region": google.region}
    return [thing for kind in kinds() for thing in _of_kind(_client(google, kind), kind, place, wanted)]


def _client(google: Google, kind: Row) -> Any:
    service, _, version = kind["service"].partition(".")
    return google.client(service, version)


def _of_kind(client: Any, kind: Row, place: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[Thing]:
    within = kind.get("within")
    holders = _rows(client, within, place) if within else [""]
    for holder in holders:
        for row in _rows(client, kind, {**place, "holder": str(holder)}):
            if wanted.items() <= (row["labels"] or {}).items():
                yield Thing(kind["token"], row["id"], kind.get("kept", ""), kind.get("stays", False))


def _rows(client: Any, kind: Row, place: Mapping[str, str]) -> Iterator[Any]:
    """Yield the rows of all pages."""
    collection = client
    for name in kind["list"].split("."):
        collection = getattr(collection, name)()
    request = collection.list(**{name: value.format_map(place) for name, value in kind["given"].items()})
    while request is not None:
        answer = request.execute()
        yield from search(kind["rows"], answer) or ()
        request = collection.list_next(request, answer)
